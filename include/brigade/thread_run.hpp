// A thread for one computation:
//
//     auto sum = co_await threads::run(heavy_computation, 42);
//
// starts a thread, waits for it without blocking the loop, and gives back what the function
// returned, or throws what it threw. Starting a thread costs some 30 us and its memory each time:
// for work that comes again and again, with every request say, a ThreadPool is right (and there is
// a log line for those who do it all the same).
#pragma once

#include <brigade/loop.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>

namespace brigade::threads {

struct RunOptions {
  /// Shown by htop, `ps -L` and core dumps; Linux keeps 15 bytes.
  std::string name = "run";
  /// Bytes. 0: the system's default.
  std::size_t stack_size = 0;
};

namespace detail {

/// Lives in the frame of the coroutine that waits, and the frame outlives the thread: a cancelled
/// wait asks the thread to stop and ends when it has, a destroyed frame blocks until then.
class ThreadRunBase : public brigade::detail::Awaiter, private brigade::detail::InboxNode {
 protected:
  explicit ThreadRunBase(RunOptions options);
  ~ThreadRunBase();
  /// For the destructor of the most derived class, while what the thread uses still exists.
  void finish();
  /// Throws ErrorException when the system has no room for a thread.
  void begin();
  /// On the new thread, without and with a loop.
  virtual void work() = 0;
  virtual Task<> work_on_loop() = 0;
  virtual bool wants_loop() const = 0;
  void rethrow();

 private:
  struct State;
  void thread_main();
  void run_on_loop();
  void on_delivered() override;
  void on_cancel() override;

  std::unique_ptr<State> state_;
};

template <class T>
struct RunResult {
  using type = T;
  static constexpr bool is_task = false;
};
template <class T>
struct RunResult<Task<T>> {
  using type = T;
  static constexpr bool is_task = true;
};

template <class Function, class... Args>
class [[nodiscard]] ThreadRun final : public ThreadRunBase {
 public:
  using Returned = std::invoke_result_t<Function&, Args...>;
  using Value = typename RunResult<Returned>::type;
  static_assert(!std::is_reference_v<Value>, "threads::run returns a value, not a reference");

  ThreadRun(RunOptions options, Function function, Args... args)
      : ThreadRunBase(std::move(options)),
        function_(std::move(function)),
        args_(std::move(args)...) {}
  ~ThreadRun() { finish(); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    if (!enter(waiter)) return false;
    begin();
    return true;
  }
  Value await_resume() {
    throw_if_cancelled();
    rethrow();
    if constexpr (!std::is_void_v<Value>) return std::move(*value_);
  }

 private:
  bool wants_loop() const override { return RunResult<Returned>::is_task; }

  void work() override {
    if constexpr (!RunResult<Returned>::is_task) {
      if constexpr (std::is_void_v<Value>) {
        std::apply(function_, std::move(args_));
      } else {
        value_.emplace(std::apply(function_, std::move(args_)));
      }
    }
  }

  Task<> work_on_loop() override {
    if constexpr (RunResult<Returned>::is_task) {
      auto task = std::apply(function_, std::move(args_));
      if constexpr (std::is_void_v<Value>) {
        co_await std::move(task);
      } else {
        value_.emplace(co_await std::move(task));
      }
    }
    co_return;
  }

  struct Nothing {};
  Function function_;
  std::tuple<Args...> args_;
  std::optional<std::conditional_t<std::is_void_v<Value>, Nothing, Value>> value_;
};

}  // namespace detail

/// Calls `function(args...)` on a new thread; with a loop there when it returns a Task. The
/// function and its arguments are moved to the thread; nothing is converted, any type will do.
/// threads::stop_token() there tells that nobody waits any more.
template <class Function, class... Args>
  requires(!std::same_as<std::remove_cvref_t<Function>, RunOptions>)
auto run(Function function, Args... args) {
  return detail::ThreadRun<Function, Args...>(RunOptions(), std::move(function),
                                              std::move(args)...);
}
template <class Function, class... Args>
auto run(RunOptions options, Function function, Args... args) {
  return detail::ThreadRun<Function, Args...>(std::move(options), std::move(function),
                                              std::move(args)...);
}

}  // namespace brigade::threads
