// What a worker thread starts with: a function of the user's, in one shape.
#pragma once

#include <brigade/message_handler.hpp>
#include <brigade/task.hpp>
#include <brigade/this_thread.hpp>

#include <concepts>
#include <memory>
#include <type_traits>

namespace brigade::threads::detail {

class ThreadEntry {
 public:
  virtual ~ThreadEntry() = default;
  /// On the new thread. The result is the exit code.
  virtual Task<int> run() = 0;
};

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

template <class Function>
class ThreadEntryFor final : public ThreadEntry {
 public:
  explicit ThreadEntryFor(Function function) : function_(std::move(function)) {}

  // `function_` lives here, not in the frame: a lambda's coroutine refers to the lambda's captures.
  Task<int> run() override {
    if constexpr (std::invocable<Function&>) {
      return finish<std::invoke_result_t<Function&>>([this] { return function_(); });
    } else {
      using Data = typename brigade::detail::MessageOf<Function>::type;
      static_assert(std::invocable<Function&, Data>,
                    "a worker thread's function takes nothing, or worker_data");
      return finish<std::invoke_result_t<Function&, Data>>([this] {
        Result<Data> data = value_to<Data>(std::move(worker_data()));
        if (!data) throw MessageError(data.error());
        return function_(std::move(*data));
      });
    }
  }

 private:
  template <class Returned, class Call>
  static Task<int> finish(Call call) {
    if constexpr (is_task<Returned>) {
      auto task = call();
      if constexpr (std::same_as<Returned, Task<>>) {
        co_await std::move(task);
        co_return 0;
      } else {
        co_return co_await std::move(task);
      }
    } else if constexpr (std::is_void_v<Returned>) {
      call();
      co_return 0;
    } else {
      static_assert(
          std::convertible_to<Returned, int>,
          "a worker thread's function returns nothing, an exit code, or a Task of either; "
          "for a result, see threads::run");
      co_return call();
    }
  }

  Function function_;
};

template <class Function>
std::unique_ptr<ThreadEntry> make_entry(Function function) {
  return std::make_unique<ThreadEntryFor<Function>>(std::move(function));
}

}  // namespace brigade::threads::detail
