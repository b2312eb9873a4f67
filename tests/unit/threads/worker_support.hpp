// Worker threads under test: what their owner hears, in order, and nothing left over afterwards.
#pragma once

#include <brigade/sleep.hpp>
#include <brigade/when.hpp>
#include <brigade/worker_thread.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include "support/counted.hpp"
#include "support/patience.hpp"

#include <atomic>
#include <exception>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BRIGADE_SANITIZED 1
#endif
#endif

namespace brigade::testing_support {

inline std::string what(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    return caught.what();
  } catch (int number) {
    return "int " + std::to_string(number);
  } catch (...) {
    return "something";
  }
}

/// In a worker thread, to its owner.
template <class T>
void tell_owner(T&& message) {
  threads::parent_port().post_message(std::forward<T>(message)).value();
}

/// In a worker thread: until somebody terminates it.
inline void spin_until_stopped() {
  while (!threads::stop_requested()) std::this_thread::yield();
}

/// What an owner hears of its worker, as text.
class Heard {
 public:
  void listen(threads::Worker& worker) {
    worker.on_online([this] { note("online"); });
    worker.on_message([this](Value message) { note(message.to_string()); });
    worker.on_message_error([this](const MessageError& error) { note(error.what()); });
    worker.on_output([this](std::string_view text, bool is_error) {
      note(fmt::format("{}: {}", is_error ? "stderr" : "stdout", text));
    });
    listen_for_error(worker);
    worker.on_exit([this](int code) { note(fmt::format("exit {}", code)); });
  }
  void listen_for_error(threads::Worker& worker) {
    worker.on_error([this](const std::exception_ptr& error) { note("error " + what(error)); });
  }
  void note(std::string line) { all.push_back(std::move(line)); }
  std::string text() const { return fmt::format("{}", fmt::join(all, ", ")); }

  std::vector<std::string> all;
};

inline std::ptrdiff_t entries_of(const char* directory) {
  return std::distance(std::filesystem::directory_iterator(directory),
                       std::filesystem::directory_iterator());
}

/// No frame, no thread and no descriptor is left when a test has ended.
class WorkerFixture : public NothingLeft {
 protected:
  ~WorkerFixture() override {
    // A thread that was joined stays in /proc a moment longer.
    EXPECT_TRUE(eventually([this] { return entries_of("/proc/self/task") <= threads_; }))
        << entries_of("/proc/self/task") << " threads, not " << threads_;
    EXPECT_EQ(entries_of("/proc/self/fd"), descriptors_);
  }

  /// Runs a coroutine on a new loop; its result, or its exception. Fails when that takes for ever.
  template <class Function>
  static auto run(Function function) {
    Loop loop;
    return loop.run(within_patience(std::move(function)));
  }

 private:
  template <class Function>
  static auto within_patience(Function function) -> std::invoke_result_t<Function&> {
    using T = typename std::invoke_result_t<Function&>::value_type;
    auto first = co_await when_any(function(), as_task(sleep(patience)));
    if (first.index() == 1) throw std::runtime_error("the test waits for ever");
    if constexpr (!std::is_void_v<T>) co_return std::get<0>(std::move(first));
  }

  // ThreadSanitizer starts a thread of its own with the first of a process.
  static std::ptrdiff_t threads_now() {
    static const bool first = (std::thread([] {}).join(), true);
    return first ? entries_of("/proc/self/task") : 0;
  }

  std::ptrdiff_t threads_ = threads_now();
  std::ptrdiff_t descriptors_ = entries_of("/proc/self/fd");
};

}  // namespace brigade::testing_support
