// Sleeping until the other side has done something, with a system call on its side only when
// somebody sleeps.
//
// No wake-up is lost: the sleeper raises its flag, then looks again; the other side acts, then
// looks at the flag. All four are sequentially consistent, so one of them sees the other (Dekker).
// Acting by an exchange, rather than a store and a fence, halves the price of a small push (37 ns
// to 19). Only a death between the act and the wake-up loses one, which is why no sleep is longer
// than kSlice.
#pragma once

#include <brigade/time.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace brigade::detail {

/// How late a message may be noticed whose producer died before it could wake the consumer. Ten
/// wake-ups a second cost some 0.01 % of a core.
inline constexpr Duration kSlice = std::chrono::milliseconds(100);

/// Looks before going to sleep: some 6 µs, by the CPU's pause. A wake-up across idle cores takes
/// about 30. With a sixth of it an answer from another core just missed the spin each time: 31 µs
/// for a round trip, instead of 0.7.
inline constexpr int kSpins = 400;

inline void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

/// Sleeps while `flag` is 1, for `most` at the longest; may return early.
void sleep_while_raised(std::atomic<std::uint32_t>& flag, Duration most);

/// Lowers the flag and wakes all, if it is raised. After a sequentially consistent write of
/// whatever they wait for.
void wake_raised(std::atomic<std::uint32_t>& flag);
inline void wake_sleepers(std::atomic<std::uint32_t>& flag) {
  if (flag.load() != 0) wake_raised(flag);
}

/// `timeout` from now; never, for one that would overflow.
TimePoint ring_deadline(Duration timeout);

/// For a wait that was over although there was nothing: the other side moves as we look, or what
/// `ready` sees was written at random. Whoever only looked again could spin for as long as that
/// lasts, and with a real-time priority keep the CPU from the one it waits for. So a few looks, and
/// then a sleep that believes nothing but a wake-up.
class Doubt {
 public:
  void sleep_if_repeated(std::atomic<std::uint32_t>& flag, TimePoint deadline) {
    constexpr int kLooks = 8;
    constexpr Duration kNap = std::chrono::milliseconds(1);
    if (++vain_ < kLooks) return;
    vain_ = 0;
    const TimePoint now = monotonic_now();
    if (now >= deadline) return;
    flag.store(1);
    sleep_while_raised(flag, deadline - now < kNap ? deadline - now : kNap);
  }

 private:
  int vain_ = 0;
};

/// Returns when `ready()` or after a slice, or at the deadline. What `ready` looks at, it loads
/// sequentially consistent.
template <class Ready>
void wait_a_slice(std::atomic<std::uint32_t>& flag, TimePoint deadline, Duration slice,
                  Ready&& ready) {
  for (int i = 0; i < kSpins; ++i) {
    if (ready()) return;
    pause_briefly();
  }
  flag.store(1);
  if (ready()) return;
  const TimePoint now = monotonic_now();
  if (now >= deadline) return;
  sleep_while_raised(flag, deadline - now < slice ? deadline - now : slice);
}

}  // namespace brigade::detail
