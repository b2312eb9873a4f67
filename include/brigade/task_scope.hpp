// What a chain of tasks has in common: a name, a place in the source, and one cancellation state.
//
// Invariants: a scope is one sequential chain of coroutines, so at most one awaiter is suspended in
// it (`waiting_`). A child scope belongs to one branch of a when_all, when_any or TaskGroup;
// cancelling a scope cancels its children. All of it is touched by the loop's thread only.
#pragma once

#include <brigade/cancel.hpp>
#include <brigade/list.hpp>

#include <coroutine>
#include <source_location>
#include <string>
#include <vector>

namespace brigade {

class Loop;

namespace detail {

class Awaiter;

/// The name of the task that this thread's loop began to run last in its present turn; null when it
/// has run none. For those who ask what a loop is busy with. A literal, or a route's pattern.
constinit inline thread_local const char* running_task = nullptr;

/// Something the loop runs on its next turn at the latest.
class ReadyNode : public ListNode {
 public:
  virtual void on_ready() = 0;

 protected:
  ~ReadyNode() = default;
};

class TaskScope : public ListNode {
 public:
  /// `parent` may be null. `name` must outlive the scope (a literal, or a route's pattern).
  TaskScope(const char* name, TaskScope* parent,
            std::source_location where = std::source_location::current());
  ~TaskScope();

  void cancel(CancelReason reason);
  bool cancelled() const { return reason_ != CancelReason::none; }
  CancelReason reason() const { return reason_; }
  const char* name() const { return name_; }
  const std::source_location& where() const { return where_; }
  /// What the suspended leaf waits for: "sleep", "pool", "join"; null while it runs.
  const char* waiting_for() const;

 private:
  friend class Awaiter;
  const char* name_;
  std::source_location where_;
  Awaiter* waiting_ = nullptr;
  CancelReason reason_ = CancelReason::none;
  List<TaskScope> children_;
};

/// The suspended end of a chain. It lives in the coroutine's frame, allocates nothing, and takes
/// itself out of every list when the frame is destroyed, so a frame may be destroyed while
/// suspended.
class Awaiter : public ReadyNode {
 public:
  explicit Awaiter(const char* what) : what_(what) {}
  const char* what() const { return what_; }

  /// The scope was cancelled. Leave what is being waited for, then call resume_later().
  virtual void on_cancel() = 0;

  void on_ready() final { resume(); }
  /// On the loop's next turn: for use where the caller's own frame must not be entered again.
  void resume_later();

 protected:
  ~Awaiter() { leave_scope(); }

  /// Notes who waits. False when the scope is cancelled already: do not suspend, await_resume
  /// throws.
  template <class Promise>
  bool enter(std::coroutine_handle<Promise> waiter) {
    waiter_ = waiter;
    scope_ = waiter.promise().scope;
    if (!scope_) return true;
    if (scope_->cancelled()) return false;
    scope_->waiting_ = this;
    return true;
  }

  void resume() {
    leave_scope();
    if (scope_) running_task = scope_->name();
    waiter_.resume();
  }

  /// For await_resume.
  void throw_if_cancelled() const {
    if (scope_ && scope_->cancelled()) throw Cancelled(scope_->reason());
  }
  TaskScope* scope() const { return scope_; }

 private:
  void leave_scope() {
    if (scope_ && scope_->waiting_ == this) scope_->waiting_ = nullptr;
  }

  const char* what_;
  std::coroutine_handle<> waiter_;
  TaskScope* scope_ = nullptr;
};

}  // namespace detail

/// A line of a dump of all tasks that wait on a loop.
struct TaskInfo {
  std::string name;
  std::string location;     // file:line
  std::string waiting_for;  // empty while it runs
};

}  // namespace brigade
