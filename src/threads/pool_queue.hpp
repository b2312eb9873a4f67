// Which of the waiting jobs is next. No clock, no lock, no thread.
#pragma once

#include <brigade/pool_job.hpp>

#include <array>
#include <cstdint>

namespace brigade::detail {

/// Higher priorities first, in the order they came within one. Entering, leaving and finding the
/// next cost the same whatever the number of jobs, because each priority has a list of its own.
class JobQueue {
 public:
  /// `aging`: see ThreadPoolOptions.
  explicit JobQueue(Duration aging) : aging_(aging) {}

  /// Holds `job.priority` within the limits. `job.queued_at` never goes back from job to job.
  void push(QueuedJob& job);
  void remove(QueuedJob& job);
  /// Null when there is none.
  QueuedJob* pop(TimePoint now);
  std::size_t size() const { return size_; }

 private:
  static constexpr int levels = JobOptions::highest_priority - JobOptions::lowest_priority + 1;
  unsigned next_level(TimePoint now);

  const Duration aging_;
  std::array<List<QueuedJob>, levels> jobs_;
  std::uint32_t occupied_ = 0;  // a bit for each list that is not empty
  std::size_t size_ = 0;
};

}  // namespace brigade::detail
