// Clocks. Everything that waits is measured on the monotonic clock; wall time is for Date and logs.
#pragma once

#include <chrono>
#include <cstdint>

namespace brigade {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// A source of monotonic time, so that a test can own it. Loop thread only.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() = 0;
};

/// CLOCK_MONOTONIC.
TimePoint monotonic_now();
Clock& monotonic_clock();

/// Milliseconds since 1970, CLOCK_REALTIME.
std::int64_t unix_millis();

}  // namespace brigade
