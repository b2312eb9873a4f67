// What a loop measures about itself. The fields may lie in shared memory: the loop's thread writes,
// anyone reads, all relaxed.
#pragma once

#include <atomic>
#include <cstdint>

namespace brigade {

struct LoopMeter {
  /// Monotonic ns since when the loop has been busy without a sleep; 0 while it waits. A heartbeat
  /// that costs an idle loop nothing: a reader compares it with the clock.
  std::atomic<std::uint64_t> busy_since_ns{0};
  std::atomic<std::uint64_t> busy_ns{0};   // total time in callbacks
  std::atomic<std::uint64_t> idle_ns{0};   // total time asleep
  std::atomic<std::uint64_t> turns{0};
  /// Lag: the longest turn of the last full second, that is how late a ready event could be served.
  std::atomic<std::uint64_t> lag_ns{0};
  /// CPU time of the loop's thread, refreshed at most every 100 ms and only by a loop that has work.
  std::atomic<std::uint64_t> cpu_ns{0};
};

}  // namespace brigade
