#include "threads/pool_queue.hpp"

#include <algorithm>
#include <bit>

namespace brigade::detail {
namespace {

unsigned level_of(const QueuedJob& job) {
  return static_cast<unsigned>(job.priority - JobOptions::lowest_priority);
}

}  // namespace

void JobQueue::push(QueuedJob& job) {
  job.priority =
      std::clamp(job.priority, JobOptions::lowest_priority, JobOptions::highest_priority);
  const unsigned level = level_of(job);
  jobs_[level].push_back(job);
  occupied_ |= 1U << level;
  ++size_;
}

void JobQueue::remove(QueuedJob& job) {
  const unsigned level = level_of(job);
  static_cast<ListNode&>(job).unlink();
  if (jobs_[level].empty()) occupied_ &= ~(1U << level);
  --size_;
}

QueuedJob* JobQueue::pop(TimePoint now) {
  if (size_ == 0) return nullptr;
  QueuedJob& job = jobs_[next_level(now)].front();
  remove(job);
  return &job;
}

unsigned JobQueue::next_level(TimePoint now) {
  const auto highest = static_cast<unsigned>(std::bit_width(occupied_) - 1);
  if (aging_ <= Duration::zero() || std::has_single_bit(occupied_)) return highest;
  // The first of a list has waited longest in it, so only the lists' heads can be next.
  unsigned best = highest;
  std::int64_t best_rank = -1;
  for (std::uint32_t rest = occupied_; rest != 0; rest &= rest - 1) {
    const auto level = static_cast<unsigned>(std::countr_zero(rest));
    const QueuedJob& head = jobs_[level].front();
    const std::int64_t rank = level + (now - head.queued_at) / aging_;
    const bool earlier = rank == best_rank && head.queued_at < jobs_[best].front().queued_at;
    if (rank > best_rank || earlier) {
      best = level;
      best_rank = rank;
    }
  }
  return best;
}

}  // namespace brigade::detail
