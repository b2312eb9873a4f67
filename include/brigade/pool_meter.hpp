// What a process's thread pools count together. The fields may lie in shared memory: any of the pools'
// threads writes (atomic additions), anyone reads, all relaxed.
#pragma once

#include <atomic>
#include <cstdint>

namespace brigade {

struct PoolMeter {
  std::atomic<std::int64_t> threads{0};
  std::atomic<std::int64_t> busy{0};
  std::atomic<std::int64_t> queued{0};
  std::atomic<std::uint64_t> done{0};     // ended, failed ones included
  std::atomic<std::uint64_t> failed{0};   // ended with an exception
  std::atomic<std::uint64_t> refused{0};  // the queue was full
  std::atomic<std::uint64_t> cpu_ns{0};   // CPU time spent in jobs
};

}  // namespace brigade
