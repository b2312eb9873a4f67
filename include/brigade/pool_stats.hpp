// What a thread pool tells about itself.
#pragma once

#include <brigade/time.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace brigade {

/// Of jobs that have ended. Quantiles are whole microseconds, at most 1/32 or 1 us too high, never
/// too low; the mean is exact.
struct PoolTimes {
  std::uint64_t count = 0;
  Duration mean{};
  Duration p50{};
  Duration p90{};
  Duration p99{};
  Duration max{};
};

/// Counters run from the pool's start, or from the last ThreadPool::reset_stats().
struct PoolStats {
  unsigned threads = 0;
  unsigned min_threads = 0;
  unsigned max_threads = 0;
  std::size_t busy = 0;
  std::size_t queued = 0;
  /// Jobs that ended, whatever became of their results.
  std::uint64_t done = 0;
  /// Of those, with an exception.
  std::uint64_t failed = 0;
  /// Not taken: the queue was full, the pool closed or without threads.
  std::uint64_t refused = 0;
  /// Removed from the queue, or asked to stop while they ran: by a token, a cancelled task, or the
  /// pool's end.
  std::uint64_t cancelled = 0;
  /// Past one of their deadlines.
  std::uint64_t expired = 0;
  /// Time in the queue, and time on a thread.
  PoolTimes wait;
  PoolTimes run;
  /// Share of what max_threads could have done since the start that was done: 0 to 1.
  double utilization = 0;
  /// Share of the jobs' time that they spent on a CPU: 0 to 1. Far below 1 they wait for something
  /// (or for a CPU): await it instead, or use blocking(). 1 where no job has ended.
  double cpu_ratio = 1;
};

struct RunningJob {
  std::string name;
  /// The thread's place in the pool: "pool-2".
  unsigned thread = 0;
  TimePoint since;
};

/// What a pool left undone when it was closed.
struct PoolLeft {
  /// Jobs that were queued at the deadline: they threw PoolClosed.
  std::size_t rejected = 0;
  /// Jobs that were running at the deadline: they were asked to stop.
  std::vector<RunningJob> running;
  bool nothing() const { return rejected == 0 && running.empty(); }
};

}  // namespace brigade
