// How long a worker may stand still, and what it may use before it is replaced.
#pragma once

#include <brigade/time.hpp>

#include <cstdint>

namespace brigade::cluster {

/// A worker over a limit is replaced, its successor first, and drains. Limits are looked at about
/// once a second while requests come, so a worker may pass one by a second's worth. 0: no limit.
struct WorkerLimits {
  /// A loop that stands still for so long is reported in the log: the task, and the stack.
  Duration stall_after = std::chrono::seconds(1);
  /// A worker that is stopped, or whose loop stands still, for so long is killed and replaced. Time
  /// in which it got no CPU does not count.
  Duration hang_after = std::chrono::seconds(10);
  /// Bytes of its own: resident memory less what it shares with files and other processes.
  std::uint64_t max_memory = 0;
  /// Requests it may answer.
  std::uint64_t max_requests = 0;
  /// Time since its start. Each worker goes up to a tenth of it sooner, so that they do not go
  /// together.
  Duration max_age{};
  /// File descriptors it may have open.
  std::uint64_t max_descriptors = 0;
};

}  // namespace brigade::cluster
