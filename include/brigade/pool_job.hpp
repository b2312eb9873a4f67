// A job of a thread pool, as it lies in the frame of the coroutine that waits for it.
//
// Invariant: the frame outlives the running job. A cancelled wait ends when the job has, and a
// destroyed frame blocks until then. So a job may refer to what its coroutine owns.
#pragma once

#include <brigade/loop.hpp>
#include <brigade/pool_options.hpp>
#include <brigade/result.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <tuple>
#include <utility>

namespace brigade::detail {

class PoolCore;

/// What became of a job, where it is not its result or its exception.
enum class PoolOutcome : std::uint8_t {
  ended,
  full,
  closed,
  unavailable,
  stopped,
  wait_expired,
  run_expired,
};

/// A job's place in the queue.
class QueuedJob : public ListNode {
 public:
  int priority = 0;
  TimePoint queued_at{};

 protected:
  ~QueuedJob() = default;
};

class PoolJob : public Awaiter, private InboxNode, private QueuedJob, private Timer {
 protected:
  PoolJob(std::shared_ptr<PoolCore> core, JobOptions options);
  ~PoolJob() = default;
  /// For the destructor of the most derived class, while what the job uses still exists.
  void abandon();

  /// True when there is something to wait for.
  bool submit();
  virtual bool work() noexcept = 0;  // on a pool thread; false when it ended with an exception

  [[noreturn]] void throw_outcome() const;
  Error outcome_error() const;

  PoolOutcome outcome_ = PoolOutcome::ended;  // under the core's mutex until it is delivered
  std::stop_source stop_{std::nostopstate};   // the job's own, where it takes a token

 private:
  friend class PoolCore;
  enum class State : std::uint8_t { idle, queued, running, delivered, ended };
  struct OnStop {
    PoolJob& job;
    void operator()() const;
  };
  bool refuse(PoolOutcome outcome);
  void on_delivered() override;
  void on_cancel() override;
  void on_timer() override;
  void arm_deadline();
  std::string describe() const;

  std::shared_ptr<PoolCore> core_;
  Loop* loop_ = nullptr;
  // The loop's thread only.
  const char* name_;
  std::stop_token stop_token_;
  Duration wait_deadline_;
  Duration run_deadline_;
  TimePoint wait_ends_{};   // on the loop's clock
  bool submitted_ = false;  // and not told of its end
  // Under the core's mutex.
  State state_ = State::idle;
  bool abandoned_ = false;
  TimePoint started_at_{};
  // Last: while the others are destroyed no other thread may call back.
  std::optional<std::stop_callback<OnStop>> on_stop_;
};

/// What a job is called with: its arguments, and a stop token before them where it cannot do
/// without. (Not where it can: asking whether a generic lambda takes one more argument compiles its
/// body with that argument.)
template <class Function, class... Args>
struct JobCall {
  static constexpr bool takes_token = !std::is_invocable_v<Function, Args...>;
  using Value = std::invoke_result_t<Function, Args...>;
};
template <class Function, class... Args>
  requires(!std::is_invocable_v<Function, Args...>)
struct JobCall<Function, Args...> {
  static_assert(std::is_invocable_v<Function, std::stop_token, Args...>,
                "a pool job must be callable with these arguments, which it gets as rvalues, or "
                "with a std::stop_token and these arguments");
  static constexpr bool takes_token = true;
  using Value = std::invoke_result_t<Function, std::stop_token, Args...>;
};

/// `as_result`: what is expected to happen to a job comes back as an Error, not as an exception.
template <bool as_result, class Function, class... Args>
class [[nodiscard]] PoolRun final : public PoolJob {
 public:
  using Call = JobCall<Function, Args...>;
  using Value = typename Call::Value;
  using Answer = std::conditional_t<as_result, Result<Value>, Value>;
  static_assert(!std::is_reference_v<Value>, "a pool job returns a value, not a reference");

  PoolRun(std::shared_ptr<PoolCore> core, JobOptions options, Function function, Args... args)
      : PoolJob(std::move(core), std::move(options)),
        function_(std::move(function)),
        args_(std::move(args)...) {
    if constexpr (Call::takes_token) stop_ = std::stop_source();
  }
  ~PoolRun() { abandon(); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return enter(waiter) && submit();
  }
  Answer await_resume() {
    throw_if_cancelled();
    if (outcome_ != PoolOutcome::ended) {
      if constexpr (as_result) {
        if (outcome_ != PoolOutcome::stopped) return outcome_error();
      }
      throw_outcome();
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
        call();
      } else {
        value_.emplace(call());
      }
      return true;
    } catch (...) {
      error_ = std::current_exception();
      return false;
    }
  }
  Value call() {
    if constexpr (Call::takes_token) {
      return std::apply(
          [this](Args&&... args) -> Value {
            return std::invoke(std::move(function_), stop_.get_token(), std::move(args)...);
          },
          std::move(args_));
    } else {
      return std::apply(std::move(function_), std::move(args_));
    }
  }

  struct Nothing {};
  Function function_;
  std::tuple<Args...> args_;
  std::optional<std::conditional_t<std::is_void_v<Value>, Nothing, Value>> value_;
  std::exception_ptr error_;
};

}  // namespace brigade::detail
