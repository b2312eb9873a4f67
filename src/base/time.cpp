#include <brigade/time.hpp>

#include <ctime>

namespace brigade {
namespace {

class MonotonicClock final : public Clock {
 public:
  TimePoint now() override { return monotonic_now(); }
};

}  // namespace

TimePoint monotonic_now() {
  timespec at{};
  ::clock_gettime(CLOCK_MONOTONIC, &at);
  return TimePoint(Duration(at.tv_sec * 1'000'000'000LL + at.tv_nsec));
}

Clock& monotonic_clock() {
  static MonotonicClock clock;
  return clock;
}

std::int64_t unix_millis() {
  timespec at{};
  ::clock_gettime(CLOCK_REALTIME, &at);
  return at.tv_sec * 1000LL + at.tv_nsec / 1'000'000;
}

}  // namespace brigade
