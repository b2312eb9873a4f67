// How much memory a program has.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include <sys/types.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BRIGADE_TEST_SANITIZED 1
#endif
#endif

namespace brigade::testing_support {

/// A sanitizer keeps what is freed for a while, and has a shadow of its own.
#ifdef BRIGADE_TEST_SANITIZED
inline constexpr long sanitizers_share_kib = 512 * 1024;
#else
inline constexpr long sanitizers_share_kib = 0;
#endif

inline long resident_kib(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  long size = 0;
  long resident = 0;
  file >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE) / 1024;
}

}  // namespace brigade::testing_support
