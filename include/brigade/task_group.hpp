// Tasks that run beside the statement that started them, with an owner.
#pragma once

#include <brigade/loop.hpp>
#include <brigade/task.hpp>

#include <functional>
#include <memory>

namespace brigade {

/// Owns running tasks. Loop thread only; must not outlive its loop.
///
/// `co_await group.join()` before it is destroyed: a group that dies with live tasks destroys their
/// frames, which is safe, but says so in the log, because it is rarely what was meant.
class TaskGroup {
 public:
  /// Told of each exception that escapes a task (Cancelled aside). The default writes a log line;
  /// so does an exception that escapes the handler.
  using ErrorHandler = std::function<void(const char* name, std::exception_ptr error)>;

  TaskGroup() : TaskGroup(ErrorHandler()) {}
  explicit TaskGroup(ErrorHandler on_error) : on_error_(std::move(on_error)) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  /// Starts `task`; it runs until its first suspension before this returns. `name` must outlive it.
  void spawn(Task<> task, const char* name = "task",
             std::source_location where = std::source_location::current());

  /// Asks every task to end; those spawned later are not affected.
  void cancel(CancelReason reason = CancelReason::user);

  /// Destroys the frames of those that still run, at once and on purpose: for an owner that is at
  /// its own end and has cancelled them.
  void abandon();

  std::size_t size() const { return size_; }

  /// Waits until no task is left. If the waiting task is cancelled, so are these, and it still
  /// waits.
  class [[nodiscard]] Join;
  Join join();

 private:
  struct Member;
  void retire(Member& member);
  void report(const char* name, const std::exception_ptr& error);

  ErrorHandler on_error_;
  detail::List<Member> members_;
  std::size_t size_ = 0;
  detail::List<Join> joining_;
};

class [[nodiscard]] TaskGroup::Join final : public detail::Awaiter {
 public:
  explicit Join(TaskGroup& group) : Awaiter("join"), group_(&group) {}
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    if (!enter(waiter)) group_->cancel(scope()->reason());
    if (group_->size() == 0) return false;
    group_->joining_.push_back(*this);
    return true;
  }
  void await_resume() const { throw_if_cancelled(); }

 private:
  friend class TaskGroup;
  void on_cancel() override {
    if (group_) group_->cancel(scope()->reason());
  }
  TaskGroup* group_;  // null once the group is gone
};

inline TaskGroup::Join TaskGroup::join() {
  return Join(*this);
}

}  // namespace brigade
