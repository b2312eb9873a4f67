// Why a worker ended, as far as anybody can know.
#pragma once

#include <brigade/child.hpp>
#include <brigade/time.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace brigade::cluster {

enum class ExitCause : std::uint8_t {
  exited,         // by itself, with whatever code
  signalled,      // by a fault of its own, or a signal that somebody sent
  out_of_memory,  // the kernel killed it: its cgroup counted that
  unknown,        // SIGKILL; whether it was the kernel's, for want of memory, cannot be known. Or it
                  // was not our child, and the kernel did not say (ExitStatus::known)
  requested,      // it was told to go, or said that it goes
  hung,           // it was stopped, or its loop stood still, for too long
  memory_limit,
  request_limit,
  age_limit,
  descriptor_limit,
  start_timeout,  // it did not come to listen in its time
  lost_channel,   // it broke the rules of the channel to its primary
};

/// "exited" to "lost_channel", with underscores.
std::string_view name_of(ExitCause cause);

struct ExitReason {
  ExitCause cause = ExitCause::exited;
  ExitStatus status = {};
  /// What else is known: why it could not start, the limit it passed, where it hung. May be empty.
  std::string detail = {};
  /// Of its standard error, the newest last, each cut at 512 bytes and as it was written: escape it
  /// before it goes into a log. Empty where that goes elsewhere (Output::inherit).
  std::vector<std::string> last_lines = {};

  /// Where it was, innermost first, when a fault of its own ended it or it was found to hang: the
  /// names of functions, or module and offset where there is none. Often empty.
  std::vector<std::string> stack = {};

  /// "was killed by SIGSEGV", "was killed by SIGKILL: the kernel ran out of memory (…)". One line,
  /// without the last lines.
  std::string text() const;
};

/// A line of a position's history.
struct PastExit {
  std::uint64_t id = 0;
  pid_t pid = -1;
  std::uint64_t generation = 0;
  std::chrono::system_clock::time_point at{};
  Duration lived{};
  ExitReason reason;
};

}  // namespace brigade::cluster
