// The system calls that atomics::wait and notify stand on (futex(2), futex_waitv(2)).
//
// All of them are "shared" futexes, never FUTEX_PRIVATE_FLAG: the kernel then knows a word by its
// file and offset, so that processes which mapped it at different addresses meet. The kernel keeps
// the queue: first come, first served (threads with a real-time priority first), exact counts, and
// nothing to repair when a process that waits is killed.
#pragma once

#include <brigade/time.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <optional>

// Linux 6.7 gave the flag its name; it has been there from the start (5.16).
#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32 0x02
#endif

namespace brigade::detail {

/// When a wait ends, on CLOCK_MONOTONIC: absolute, so that a wait which a signal interrupted goes
/// on with what is left.
class FutexDeadline {
 public:
  /// Never.
  FutexDeadline() = default;
  explicit FutexDeadline(Duration timeout) {
    const Duration now = monotonic_now().time_since_epoch();
    if (timeout > Duration::max() - now) return;
    const auto at = (now + timeout).count();
    at_ = timespec{at / 1'000'000'000, at % 1'000'000'000};
  }
  const timespec* get() const { return at_ ? &*at_ : nullptr; }

 private:
  std::optional<timespec> at_;
};

/// 0 when woken; else an errno: EAGAIN (the word is not `expected`), ETIMEDOUT, EINTR, …
inline int futex_wait(const std::uint32_t& word, std::uint32_t expected,
                      const FutexDeadline& deadline) {
  const long result = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected, deadline.get(),
                                nullptr, FUTEX_BITSET_MATCH_ANY);
  return result == 0 ? 0 : errno;
}

struct FutexWord {
  const std::uint32_t& word;
  std::uint32_t expected;
};

/// Waits for either. `woken` is 0 or 1; 1 where it was both. Errors as above.
inline int futex_wait_either(FutexWord first, FutexWord second, const FutexDeadline& deadline,
                             int& woken) {
  const auto entry = [](const FutexWord& at) {
    struct futex_waitv out{};
    out.val = at.expected;
    out.uaddr = reinterpret_cast<std::uintptr_t>(&at.word);
    out.flags = FUTEX2_SIZE_U32;
    return out;
  };
  const std::array entries = {entry(first), entry(second)};
  const long result = ::syscall(SYS_futex_waitv, entries.data(), entries.size(), 0, deadline.get(),
                                CLOCK_MONOTONIC);
  if (result < 0) return errno;
  woken = static_cast<int>(result);
  return 0;
}

/// How many were woken. `count` must not be 0: the kernel would wake one.
inline int futex_wake(const std::uint32_t& word, int count) {
  const long result = ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
  return result > 0 ? static_cast<int>(result) : 0;
}

/// Moves at most `count` of those that wait on `from`, as long as it holds `value`, to the end of
/// the queue of `to`, without waking them. How many that were. (From a word to itself: how many
/// wait.)
inline int futex_move(const std::uint32_t& from, std::uint32_t value, const std::uint32_t& to,
                      int count) {
  const long result = ::syscall(SYS_futex, &from, FUTEX_CMP_REQUEUE, 0,
                                static_cast<unsigned long>(count), &to, value);
  return result > 0 ? static_cast<int>(result) : 0;
}

}  // namespace brigade::detail
