#include "shared/shared_ring_wait.hpp"

#include <climits>

#include "shared/futex.hpp"

namespace brigade::detail {
namespace {

const std::uint32_t& word_of(const std::atomic<std::uint32_t>& flag) {
  return *static_cast<const std::uint32_t*>(static_cast<const void*>(&flag));
}

}  // namespace

void sleep_while_raised(std::atomic<std::uint32_t>& flag, Duration most) {
  // Woken, timed out, interrupted or not raised any more: the caller looks for itself.
  futex_wait(word_of(flag), 1, FutexDeadline(most));
}

void wake_raised(std::atomic<std::uint32_t>& flag) {
  if (flag.exchange(0) != 0) futex_wake(word_of(flag), INT_MAX);
}

TimePoint ring_deadline(Duration timeout) {
  const TimePoint now = monotonic_now();
  return timeout < TimePoint::max() - now ? now + timeout : TimePoint::max();
}

}  // namespace brigade::detail
