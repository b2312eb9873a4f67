#include <brigade/thread_pool.hpp>

#include <fmt/format.h>
#include <brigade/blocking.hpp>
#include <brigade/log.hpp>

#include <algorithm>
#include <cerrno>

#include "threads/pool_core.hpp"

namespace brigade {

ThreadPool::ThreadPool(ThreadPoolOptions options)
    : core_(std::make_shared<detail::PoolCore>(std::move(options))) {}

bool ThreadPool::needs_drain() const {
  return core_->needs_drain();
}
std::unique_ptr<detail::PoolWatch> ThreadPool::watch(PoolCallbacks callbacks) const {
  return std::make_unique<detail::PoolWatch>(core_, std::move(callbacks));
}
void ThreadPool::stop_accepting() const {
  core_->stop_accepting();
}
detail::PoolEnd ThreadPool::close(Duration deadline) const {
  core_->begin_close();
  return detail::PoolEnd(core_, deadline, {});
}
detail::PoolEnd ThreadPool::destroy() const {
  return detail::PoolEnd(core_, Duration::max(), core_->destroy());
}
unsigned ThreadPool::threads() const {
  return core_->threads();
}
std::size_t ThreadPool::queued() const {
  return core_->queued();
}
std::vector<RunningJob> ThreadPool::running() const {
  return core_->running();
}
PoolStats ThreadPool::stats() const {
  return core_->stats();
}
void ThreadPool::reset_stats() const {
  core_->reset_stats();
}

const ThreadPool& blocking_pool() {
  // Leaked on purpose: static objects may use it in their destructors, and a thread asleep is no
  // harm to a process that ends.
  static const auto* const pool = new ThreadPool({.max_queue = ThreadPoolOptions::auto_queue,
                                                  .name = "blocking",
                                                  .expect_blocking = true,
                                                  .min_threads = 0,
                                                  .max_threads = 16,
                                                  .nice = 0});
  return *pool;
}

namespace detail {

PoolListener::~PoolListener() {
  leave();
}

void PoolListener::leave() {
  if (loop_) core_->leave(*this);
}

void PoolWaiter::on_delivered() {
  loop_ = nullptr;
  on_left();
  resume();
}

void PoolWaiter::on_cancel() {
  leave();
  loop_ = nullptr;
  on_left();
  resume_later();
}

PoolWatch::PoolWatch(std::shared_ptr<PoolCore> core, PoolCallbacks callbacks)
    : PoolListener(std::move(core)),
      callbacks_(std::make_shared<const PoolCallbacks>(std::move(callbacks))) {
  Loop::current().add_client(*this);
  wait();
}

void PoolWatch::wait() {
  wait_here([this] {
    core_->wait_until(!full_, *this);
    return true;
  });
}

void PoolWatch::on_delivered() {
  full_ = !full_;
  const auto callbacks = callbacks_;
  const auto& callback = full_ ? callbacks->on_needs_drain : callbacks->on_drain;
  Loop& loop = Loop::current();
  wait();  // first: this may be gone after the call
  if (!callback) return;
  try {
    callback();
  } catch (...) {
    loop.fail(std::current_exception());
  }
}

void PoolWatch::on_loop_end() {
  leave();
  loop_ = nullptr;
}

bool PoolRoom::wait() {
  return wait_here([this] { return core_->wait_for_room(*this); });
}

bool PoolEnd::wait() {
  if (!wait_here([this] { return core_->wait_for_end(*this); })) return false;
  if (deadline_ == Duration::max()) return true;
  Loop::current().read_clock();
  Loop::current().arm(*this, deadline_);
  return true;
}

void PoolEnd::on_left() {
  Loop::current().disarm(*this);
}

void PoolEnd::on_timer() {
  leave();
  loop_ = nullptr;
  left_ = core_->destroy();
  std::string names;
  for (const RunningJob& job : left_.running) {
    names += fmt::format("{}\"{}\"", names.empty() ? ": " : ", ", job.name);
  }
  log::warn(
      "pool \"{}\" was not done {} ms after it was closed: {} queued jobs are rejected, {} "
      "that run are asked to stop{}",
      core_->name(), deadline_.count() / 1'000'000, left_.rejected, left_.running.size(), names);
  resume();
}

}  // namespace detail
}  // namespace brigade
