// What a co_await of a pool's job may throw, besides what the job throws and Cancelled.
#pragma once

#include <stdexcept>
#include <string>

namespace brigade {

/// The job was not begun, for want of room. An HTTP handler that lets it pass answers 503 with
/// Retry-After.
class Overloaded : public std::runtime_error {
 public:
  Overloaded() : Overloaded("the thread pool's queue is full") {}
  explicit Overloaded(const std::string& what) : std::runtime_error(what) {}
};

/// The pool takes no more jobs, or was destroyed with this one inside.
class PoolClosed : public Overloaded {
 public:
  using Overloaded::Overloaded;
};

/// The pool has no thread, and the system or `thread_init` refuses it one.
class PoolUnavailable : public Overloaded {
 public:
  using Overloaded::Overloaded;
};

/// The job was queued for longer than its wait_deadline, and never begun.
class PoolWaitDeadline : public Overloaded {
 public:
  using Overloaded::Overloaded;
};

/// The job ran for longer than its run_deadline. It has ended; its result was dropped.
class PoolRunDeadline : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace brigade
