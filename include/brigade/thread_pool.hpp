// CPU work off the loop: a bounded pool of threads that is made once and reused.
//
//     ThreadPool pool({.threads = 2, .max_queue = 256});
//     auto small = co_await pool.run(thumbnail, std::move(image), 200);
//
// A job is a plain function and arguments that it owns. It runs on one of the pool's threads; its
// result, or its exception, comes back on the loop that asked. When the queue is full `run` throws
// Overloaded at once (an HTTP handler that lets it pass answers 503 with Retry-After).
#pragma once

#include <brigade/loop.hpp>
#include <brigade/pool_meter.hpp>
#include <brigade/result.hpp>

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

namespace brigade {

struct ThreadPoolOptions {
  // Behaviour.
  /// Jobs that may wait while all threads are busy. One more is refused.
  std::size_t max_queue = 256;
  /// Threads are called "name-0", "name-1", … in htop and core dumps.
  std::string name = "pool";

  // Performance.
  /// 0: one per CPU that this process may use.
  unsigned threads = 0;
  /// Added to the threads' niceness, 0 to 19, so that the loop's thread goes first when both want
  /// the CPU. At 10 a saturated pool leaves a light route's p99 near 0.2 ms, at 0 near 1 ms; under
  /// a flood of light requests the pool gets about a third less work done.
  int nice = 10;
  /// Where the pool counts. Null: nowhere that others see.
  PoolMeter* meter = nullptr;
};

/// The pool's queue was full, or the pool is closed.
class Overloaded : public std::exception {
 public:
  const char* what() const noexcept override { return "the thread pool's queue is full"; }
};

namespace detail {

class PoolCore;

/// A job lives in the frame of the coroutine that waits for it. The frame outlives the running job:
/// a cancelled wait ends when the job has, and a destroyed frame blocks until then.
class PoolJob : public Awaiter, private InboxNode {
 protected:
  explicit PoolJob(std::shared_ptr<PoolCore> core) : Awaiter("pool"), core_(std::move(core)) {}
  ~PoolJob() = default;
  /// For the destructor of the most derived class, while what the job uses still exists.
  void abandon();

  /// True when there is something to wait for.
  bool submit();
  virtual bool work() noexcept = 0;  // on a pool thread; false when it ended with an exception
  bool refused_ = false;

 private:
  friend class PoolCore;
  enum class State { idle, queued, running, delivered, ended };
  void on_delivered() override;
  void on_cancel() override;

  std::shared_ptr<PoolCore> core_;
  Loop* loop_ = nullptr;
  bool submitted_ = false;     // and not told of its end; the loop's thread only
  State state_ = State::idle;  // under the core's mutex
  bool abandoned_ = false;     // likewise
  PoolJob* next_ = nullptr;    // the queue; likewise
  PoolJob* previous_ = nullptr;
};

/// `as_result`: a full queue comes back as an Error, not as an exception.
template <bool as_result, class Function, class... Args>
class [[nodiscard]] PoolRun final : public PoolJob {
 public:
  using Value = std::invoke_result_t<Function, Args...>;
  using Answer = std::conditional_t<as_result, Result<Value>, Value>;
  static_assert(!std::is_reference_v<Value>, "a pool job returns a value, not a reference");

  PoolRun(std::shared_ptr<PoolCore> core, Function function, Args... args)
      : PoolJob(std::move(core)), function_(std::move(function)), args_(std::move(args)...) {}
  ~PoolRun() { abandon(); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return enter(waiter) && submit();
  }
  Answer await_resume() {
    throw_if_cancelled();
    if constexpr (as_result) {
      if (refused_) return Error(EAGAIN, Overloaded().what());
    } else {
      if (refused_) throw Overloaded();
    }
    if (error_) std::rethrow_exception(error_);
    if constexpr (!std::is_void_v<Value>) {
      return std::move(*value_);
    } else {
      return Answer();
    }
  }

 private:
  bool work() noexcept override {
    try {
      if constexpr (std::is_void_v<Value>) {
        std::apply(std::move(function_), std::move(args_));
      } else {
        value_.emplace(std::apply(std::move(function_), std::move(args_)));
      }
      return true;
    } catch (...) {
      error_ = std::current_exception();
      return false;
    }
  }

  struct Nothing {};
  Function function_;
  std::tuple<Args...> args_;
  std::optional<std::conditional_t<std::is_void_v<Value>, Nothing, Value>> value_;
  std::exception_ptr error_;
};

}  // namespace detail

/// A handle: copies are cheap and share the threads, which end with the last copy. `run` may be
/// called on any loop's thread.
class ThreadPool {
 public:
  /// Throws std::system_error when the system has no room for the threads.
  explicit ThreadPool(ThreadPoolOptions options = {});

  template <class Function, class... Args>
  auto run(Function function, Args... args) const {
    return detail::PoolRun<false, Function, Args...>(core_, std::move(function),
                                                     std::move(args)...);
  }
  /// The same, with a full queue as a value (error code EAGAIN). The job's own exceptions still
  /// throw.
  template <class Function, class... Args>
  auto try_run(Function function, Args... args) const {
    return detail::PoolRun<true, Function, Args...>(core_, std::move(function), std::move(args)...);
  }

  /// Refuses jobs from now on; those inside are still run.
  void close();
  unsigned threads() const;
  std::size_t queued() const;

 private:
  std::shared_ptr<detail::PoolCore> core_;
};

}  // namespace brigade
