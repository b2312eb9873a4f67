// What a loop measures about itself. May lie in shared memory: the loop's thread writes, anyone
// reads.
#pragma once

#include <brigade/cells.hpp>

namespace brigade {

struct LoopMeter {
  /// Monotonic ns since when the loop has been busy without a sleep; 0 while it sleeps. A heartbeat
  /// that costs an idle loop nothing: a reader compares it with the clock.
  Cell<std::uint64_t> busy_since_ns;
  /// Lag: the longest turn of the last full second, that is how late a ready event could be served.
  Cell<std::uint64_t> lag_ns;
  Counter busy_ns;  // total time in callbacks
  Counter idle_ns;  // total time asleep
  Counter turns;
  /// CPU time of the loop's thread, refreshed at most every 100 ms and only by a loop that has
  /// work.
  Counter cpu_ns;
};

}  // namespace brigade
