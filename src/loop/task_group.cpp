#include <brigade/log.hpp>
#include <brigade/task_group.hpp>

namespace brigade {

// A spawned task with its scope. Ended members are retired from the loop, never from inside their
// own final suspension: destroying a frame there is where compilers have been wrong before.
struct TaskGroup::Member final : detail::ListNode, detail::TaskOwner {
  Member(TaskGroup& owner, Task<> work, const char* name, std::source_location where)
      : group(owner), ended(*this), scope(name, nullptr, where), task(std::move(work)) {}
  void on_task_done() override { Loop::current().run_later(ended); }

  struct Ended final : detail::ReadyNode {
    explicit Ended(Member& of) : member(of) {}
    void on_ready() override { member.group.retire(member); }
    Member& member;
  };

  TaskGroup& group;
  Ended ended;
  detail::TaskScope scope;
  Task<> task;
};

namespace {

void log_error(const char* name, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    log::error("task {} failed: {}", name, caught.what());
  } catch (...) {
    log::error("task {} failed: an exception that is not a std::exception", name);
  }
}

}  // namespace

TaskGroup::~TaskGroup() {
  if (size_ > 0) log::warn("a task group was destroyed with {} tasks still running", size_);
  abandon();
  while (Join* join = joining_.pop_front()) {
    join->group_ = nullptr;
    join->resume_later();
  }
}

void TaskGroup::abandon() {
  while (Member* member = members_.pop_front()) delete member;
  size_ = 0;
}

void TaskGroup::spawn(Task<> task, const char* name, std::source_location where) {
  auto* member = new Member(*this, std::move(task), name, where);
  members_.push_back(*member);
  ++size_;
  if (member->task.start(member, &member->scope)) retire(*member);
}

void TaskGroup::retire(Member& member) {
  try {
    member.task.take_result();
  } catch (const Cancelled&) {
    // It was asked to end, and did.
  } catch (const detail::ExitRequest&) {
    Loop::current().fail(std::current_exception());
  } catch (...) {
    report(member.scope.name(), std::current_exception());
  }
  delete &member;
  --size_;
  while (size_ == 0 && !joining_.empty()) joining_.pop_front()->resume_later();
}

void TaskGroup::report(const char* name, const std::exception_ptr& error) {
  if (!on_error_) return log_error(name, error);
  try {
    on_error_(name, error);
  } catch (...) {
    // It must not reach the loop, which has everybody else's tasks to run.
    log_error(name, std::current_exception());
  }
}

void TaskGroup::cancel(CancelReason reason) {
  members_.for_each([reason](Member& member) { member.scope.cancel(reason); });
}

}  // namespace brigade
