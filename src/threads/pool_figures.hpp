// How long a pool's jobs waited and ran.
//
// Each thread writes its own figures with plain adds, and a reader sums them up. A reset must not
// write to them from outside, so it only raises the pool's epoch: a thread whose figures are of an
// earlier one clears them before it records, and a reader skips them until then.
#pragma once

#include <brigade/cells.hpp>
#include <brigade/pool_stats.hpp>

#include <cstdint>

#include "stats/histogram.hpp"

namespace brigade::detail {

/// Written by one thread, read by any.
class ThreadFigures {
 public:
  /// Negative durations count as zero. Some 10 ns.
  void record(std::uint32_t epoch, Duration waited, Duration ran);

  std::uint32_t epoch() const { return epoch_.load(std::memory_order_acquire); }

 private:
  friend class FiguresSum;
  void clear();

  std::atomic<std::uint32_t> epoch_{0};
  Counter wait_ns_{};
  Counter run_ns_{};
  stats::Histogram wait_{};
  stats::Histogram run_{};
};

/// What a reader makes of them.
class FiguresSum {
 public:
  void add(const ThreadFigures& figures);
  PoolTimes wait() const;
  PoolTimes run() const;
  std::uint64_t run_ns() const { return run_ns_; }

 private:
  std::uint64_t wait_ns_ = 0;
  std::uint64_t run_ns_ = 0;
  stats::HistogramSnapshot wait_;
  stats::HistogramSnapshot run_;
};

/// The part of a job's time that a thread spent on the CPU, without a system call for each of many
/// short jobs: the thread's CPU clock is read when it goes to sleep, and once a millisecond while
/// it works. What it does between jobs counts as well, except the spinning.
class CpuShare {
 public:
  static constexpr Duration interval = std::chrono::milliseconds(1);

  /// On the thread itself, before its first job.
  void begin(TimePoint now);
  void spun(Duration time) { spun_ns_ += static_cast<std::uint64_t>(time.count()); }
  bool due(TimePoint now) const { return now - read_at_ >= interval; }
  /// The CPU time in ns since the last call.
  std::uint64_t take(TimePoint now);

 private:
  TimePoint read_at_{};
  std::uint64_t cpu_ns_ = 0;
  std::uint64_t spun_ns_ = 0;
};

}  // namespace brigade::detail
