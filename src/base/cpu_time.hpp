// CPU time of the calling thread.
#pragma once

#include <cstdint>
#include <ctime>

namespace brigade::detail {

/// Nanoseconds. A system call, unlike the clocks of time.hpp.
inline std::uint64_t thread_cpu_ns() {
  timespec at{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(at.tv_nsec);
}

}  // namespace brigade::detail
