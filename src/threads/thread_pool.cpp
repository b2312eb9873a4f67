#include <brigade/thread_pool.hpp>

#include "threads/pool_core.hpp"

namespace brigade {
namespace detail {

bool PoolJob::submit() {
  loop_ = &Loop::current();
  refused_ = !core_->submit(*this);
  return !refused_;
}

void PoolJob::abandon() {
  if (state_ != State::idle && state_ != State::ended) core_->abandon(*this);
}

void PoolJob::on_delivered() {
  state_ = State::ended;
  resume();
}

void PoolJob::on_cancel() {
  // A job that has begun is waited for; its result is dropped.
  if (core_->withdraw(*this)) resume_later();
}

}  // namespace detail

ThreadPool::ThreadPool(ThreadPoolOptions options)
    : core_(std::make_shared<detail::PoolCore>(std::move(options))) {}

void ThreadPool::close() { core_->close(); }
unsigned ThreadPool::threads() const { return core_->threads(); }
std::size_t ThreadPool::queued() const { return core_->queued(); }

}  // namespace brigade
