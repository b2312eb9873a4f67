#include <brigade/thread_pool.hpp>

#include "threads/pool_core.hpp"

namespace brigade {
namespace detail {

bool PoolJob::submit() {
  loop_ = &Loop::current();
  submitted_ = core_->submit(*this);
  if (submitted_) return true;
  refused_ = true;
  if (spend_budget()) return false;
  resume_later();  // one that asks again and again must not starve the loop
  return true;
}

void PoolJob::abandon() {
  if (submitted_) core_->abandon(*this);
}

void PoolJob::on_delivered() {
  submitted_ = false;
  resume();
}

void PoolJob::on_cancel() {
  // A job that has begun is waited for; its result is dropped.
  if (!submitted_ || !core_->withdraw(*this)) return;
  submitted_ = false;
  resume_later();
}

}  // namespace detail

ThreadPool::ThreadPool(ThreadPoolOptions options)
    : core_(std::make_shared<detail::PoolCore>(std::move(options))) {}

void ThreadPool::close() {
  core_->close();
}
unsigned ThreadPool::threads() const {
  return core_->threads();
}
std::size_t ThreadPool::queued() const {
  return core_->queued();
}

}  // namespace brigade
