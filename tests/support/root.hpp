// A task tree that the test starts, cancels, destroys and looks into by hand.
#pragma once

#include <brigade/cancel.hpp>
#include <brigade/task.hpp>
#include "support/fake_loop.hpp"

#include <exception>
#include <optional>
#include <utility>

namespace brigade::testing_support {

class Root final : detail::TaskOwner {
 public:
  explicit Root(Task<> task, const char* name = "root")
      : scope_(name, nullptr), task_(std::move(task)) {}

  /// Runs to the first suspension.
  void start() { done_ = task_->start(this, &scope_); }
  void cancel(CancelReason reason = CancelReason::user) { scope_.cancel(reason); }
  void destroy() { task_.reset(); }
  bool done() const { return done_; }
  detail::TaskScope& scope() { return scope_; }

  /// How it ended: rethrows what escaped.
  void result() { task_->take_result(); }
  /// The reason of the Cancelled that escaped; none when it ended otherwise.
  CancelReason cancelled() {
    try {
      task_->take_result();
    } catch (const Cancelled& caught) {
      return caught.reason();
    } catch (...) {
    }
    return CancelReason::none;
  }

 private:
  void on_task_done() override { done_ = true; }

  detail::TaskScope scope_;
  bool done_ = false;
  std::optional<Task<>> task_;  // its frames refer to the scope
};

inline void run_until_done(FakeLoop& fake, const Root& root) {
  while (!root.done()) fake.loop.turn(true);
}

/// Runs `body()` anew for each of its suspension points: starts it, lets it get so far, calls
/// `act(fake, root)`. Returns how many points there were.
template <class Body, class Act>
int at_each_suspension(Body body, Act act) {
  for (int point = 0;; ++point) {
    FakeLoop fake;
    Root root(body());
    root.start();
    for (int turn = 0; turn < point && !root.done(); ++turn) fake.loop.turn(true);
    if (root.done()) return point;
    act(fake, root);
  }
}

}  // namespace brigade::testing_support
