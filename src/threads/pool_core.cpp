#include "threads/pool_core.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>
#include <brigade/system.hpp>

#include <algorithm>
#include <csignal>

#include "base/cpu_time.hpp"

namespace brigade::detail {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

// A thread that has just worked looks for more work this long before it sleeps: waking a sleeping
// core costs about three times as much.
constexpr Duration spin_time = std::chrono::microseconds(10);

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

ThreadPoolOptions filled(ThreadPoolOptions options) {
  if (options.threads == 0) options.threads = available_parallelism();
  options.nice = std::clamp(options.nice, 0, 19);
  return options;
}

}  // namespace

PoolCore::PoolCore(ThreadPoolOptions options)
    : options_(filled(std::move(options))), meter_(options_.meter ? *options_.meter : own_meter_) {
  // Signals are the loop's business: block them while threads inherit the mask. Not those that a
  // fault raises: the kernel kills a process that blocks them, and no crash handler would run.
  sigset_t blocked;
  sigset_t before;
  ::sigfillset(&blocked);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
    ::sigdelset(&blocked, fault);
  }
  ::pthread_sigmask(SIG_SETMASK, &blocked, &before);
  try {
    for (unsigned index = 0; index < options_.threads; ++index) {
      threads_.emplace_back([this, index] { thread_main(index); });
    }
  } catch (...) {  // no room for another thread: end those that are there, they use this object
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    end_threads();
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  meter_.threads.add(options_.threads);
}

PoolCore::~PoolCore() {
  end_threads();
  meter_.threads.sub(options_.threads);
}

void PoolCore::end_threads() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    work_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

bool PoolCore::submit(PoolJob& job) {
  const std::lock_guard lock(mutex_);
  const std::size_t queued = queued_.load(relaxed);
  if (closed_ || queued + running_ >= options_.threads + options_.max_queue) {
    meter_.refused.add();
    return false;
  }
  job.state_ = PoolJob::State::queued;
  job.next_ = nullptr;
  job.previous_ = last_;
  (last_ ? last_->next_ : first_) = &job;
  last_ = &job;
  queued_.store(queued + 1, relaxed);
  meter_.queued.add();
  if (queued + 1 > spinning_) work_.notify_one();
  return true;
}

void PoolCore::unlink(PoolJob& job) {
  (job.previous_ ? job.previous_->next_ : first_) = job.next_;
  (job.next_ ? job.next_->previous_ : last_) = job.previous_;
  queued_.store(queued_.load(relaxed) - 1, relaxed);
  meter_.queued.sub();
}

bool PoolCore::withdraw(PoolJob& job) {
  const std::lock_guard lock(mutex_);
  if (job.state_ != PoolJob::State::queued) return false;
  unlink(job);
  job.state_ = PoolJob::State::ended;
  return true;
}

void PoolCore::abandon(PoolJob& job) {
  std::unique_lock lock(mutex_);
  if (job.state_ == PoolJob::State::queued) {
    unlink(job);
  } else if (job.state_ == PoolJob::State::running) {
    job.abandoned_ = true;
    abandoned_.wait(lock, [&job] { return job.state_ == PoolJob::State::ended; });
  } else if (job.state_ == PoolJob::State::delivered) {
    lock.unlock();
    job.loop_->withdraw(job);
  }
}

void PoolCore::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

std::size_t PoolCore::queued() {
  return queued_.load(relaxed);
}

PoolJob* PoolCore::next_job() {
  std::unique_lock lock(mutex_);
  bool spun = false;
  while (!first_ && !ending_) {
    if (!spun) {
      spun = true;
      ++spinning_;
      lock.unlock();
      const TimePoint until = monotonic_now() + spin_time;
      while (queued_.load(relaxed) == 0 && monotonic_now() < until) relax();
      lock.lock();
      --spinning_;
      continue;
    }
    work_.wait(lock);
  }
  PoolJob* job = first_;
  if (!job) return nullptr;
  unlink(*job);
  job->state_ = PoolJob::State::running;
  ++running_;
  return job;
}

void PoolCore::finish(PoolJob& job, bool succeeded) {
  meter_.done.add();
  if (!succeeded) meter_.failed.add();
  const std::lock_guard lock(mutex_);
  --running_;
  if (job.abandoned_) {
    job.state_ = PoolJob::State::ended;
    abandoned_.notify_all();
    return;
  }
  job.state_ = PoolJob::State::delivered;
  job.loop_->deliver(job);
}

void PoolCore::thread_main(unsigned index) {
  name_this_thread(fmt::format("{}-{}", options_.name, index));
  // On Linux a nice value belongs to a thread. Raising it needs no privilege, so it cannot fail.
  const auto self = static_cast<id_t>(::gettid());
  ::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + options_.nice);
  while (PoolJob* job = next_job()) {
    meter_.busy.add();
    const std::uint64_t before = thread_cpu_ns();
    const bool succeeded = job->work();
    meter_.cpu_ns.add(thread_cpu_ns() - before);
    meter_.busy.sub();
    finish(*job, succeeded);
  }
}

}  // namespace brigade::detail
