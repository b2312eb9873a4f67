// Waiting in tests: for a condition, never for a time.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace brigade::testing_support {

/// How long a test waits for what must happen. Only a test that fails ever waits so long, so it is
/// generous: the machine may be loaded, and the program run under a sanitizer.
inline constexpr std::chrono::seconds patience{20};

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds from_now = patience)
      : at_(std::chrono::steady_clock::now() + from_now) {}
  bool passed() const { return std::chrono::steady_clock::now() >= at_; }
  /// For poll(2): never negative.
  int left_ms() const {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(at_ - std::chrono::steady_clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
  }

 private:
  std::chrono::steady_clock::time_point at_;
};

/// True as soon as `condition()` is; false when it never is.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds within = patience) {
  const Deadline deadline(within);
  while (!condition()) {
    if (deadline.passed()) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace brigade::testing_support
