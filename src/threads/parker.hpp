// Where one thread sleeps until another wakes it: one futex word. futex(2)
//
// Why not a condition variable: a thread that is woken would first wait for the lock that its waker
// still holds; and std::atomic::wait has no deadline.
#pragma once

#include <brigade/time.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ctime>

namespace brigade::detail {

class Parker {
 public:
  /// Sleeps until unpark(), at once if that was already called since the last park(), or until
  /// `deadline`; TimePoint::max(): for ever. One thread at a time.
  void park(TimePoint deadline) {
    while (word_.exchange(0, std::memory_order_acquire) == 0) {
      if (!sleep(deadline)) return;
    }
  }

  /// Any thread. The Parker must outlive the call, not only the sleep.
  void unpark() {
    if (word_.exchange(1, std::memory_order_release) == 0) {
      ::syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    }
  }

 private:
  /// False when the deadline has passed.
  bool sleep(TimePoint deadline) {
    if (deadline == TimePoint::max()) {
      ::syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
      return true;
    }
    if (monotonic_now() >= deadline) return false;
    const auto ns = deadline.time_since_epoch().count();
    const timespec at{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
    // With BITSET the time is a point of CLOCK_MONOTONIC, not a duration.
    ::syscall(SYS_futex, &word_, FUTEX_WAIT_BITSET_PRIVATE, 0, &at, nullptr,
              FUTEX_BITSET_MATCH_ANY);
    return true;
  }

  std::atomic<std::uint32_t> word_{0};
};

}  // namespace brigade::detail
