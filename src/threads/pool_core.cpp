#include "threads/pool_core.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>
#include <brigade/log.hpp>

namespace brigade::detail {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr Duration between_overrun_lines = std::chrono::seconds(1);

}  // namespace

PoolOutcome PoolCore::admit(TimePoint now) const {
  if (closed_) return PoolOutcome::closed;
  if (!has_room(queue_.size(), running_, size_, limit_)) return PoolOutcome::full;
  if (crew_.alive == 0 && !backoff_.allows(now)) return PoolOutcome::unavailable;
  return PoolOutcome::ended;
}

PoolOutcome PoolCore::submit(PoolJob& job) {
  job.queued_at = monotonic_now();
  Call call;
  {
    const std::lock_guard lock(mutex_);
    const PoolOutcome outcome = admit(job.queued_at);
    if (outcome != PoolOutcome::ended) {
      ++refused_;
      meter_.refused.add();
      return outcome;
    }
    job.state_ = PoolJob::State::queued;
    queue_.push(job);
    queued_.store(queue_.size(), relaxed);
    meter_.queued.add();
    note_full();
    call = call_help(job.queued_at);
  }
  answer(call);
  return PoolOutcome::ended;
}

PoolJob* PoolCore::take(Seat& seat, TimePoint now) {
  while (QueuedJob* next = queue_.pop(now)) {
    auto& job = static_cast<PoolJob&>(*next);
    queued_.store(queue_.size(), relaxed);
    meter_.queued.sub();
    // The loop looks after deadlines, but it may be late itself.
    if (now - job.queued_at > job.wait_deadline_) {
      finish_unrun(job, PoolOutcome::wait_expired);
      continue;
    }
    job.state_ = PoolJob::State::running;
    job.started_at_ = now;
    seat.job = &job;
    ++seat.jobs;
    ++running_;
    if (!std::exchange(seat.counted, true)) meter_.busy.add();
    return &job;
  }
  if (std::exchange(seat.counted, false)) meter_.busy.sub();
  return nullptr;
}

bool PoolCore::settle(Seat& seat, PoolJob& job, bool succeeded) {
  --running_;
  seat.job = nullptr;
  ++done_;
  meter_.done.add();
  if (!succeeded) {
    ++failed_;
    meter_.failed.add();
  }
  count(job.outcome_);
  if (job.abandoned_) {
    job.state_ = PoolJob::State::ended;
    abandoned_.notify_all();
    return false;
  }
  job.state_ = PoolJob::State::delivered;
  seat.handing_over.store(&job, relaxed);
  return true;
}

void PoolCore::count(PoolOutcome outcome) {
  switch (outcome) {
    case PoolOutcome::wait_expired:
    case PoolOutcome::run_expired:
      ++expired_;
      break;
    case PoolOutcome::stopped:
    case PoolOutcome::closed:
      ++cancelled_;
      break;
    case PoolOutcome::unavailable:
      ++refused_;
      meter_.refused.add();
      break;
    case PoolOutcome::ended:
    case PoolOutcome::full:
      break;
  }
}

void PoolCore::unqueue(PoolJob& job) {
  queue_.remove(job);
  queued_.store(queue_.size(), relaxed);
  meter_.queued.sub();
}

void PoolCore::finish_unrun(PoolJob& job, PoolOutcome outcome) {
  job.outcome_ = outcome;
  count(outcome);
  job.state_ = PoolJob::State::delivered;
  job.loop_->deliver(job);
}

std::size_t PoolCore::reject_all(PoolOutcome outcome) {
  std::size_t rejected = 0;
  while (QueuedJob* next = queue_.pop(TimePoint())) {
    auto& job = static_cast<PoolJob&>(*next);
    queued_.store(queue_.size(), relaxed);
    meter_.queued.sub();
    finish_unrun(job, outcome);
    ++rejected;
  }
  return rejected;
}

std::stop_source PoolCore::ask_to_stop(PoolJob& job, PoolOutcome outcome) {
  if (job.outcome_ == PoolOutcome::ended) job.outcome_ = outcome;
  return job.stop_;
}

bool PoolCore::withdraw(PoolJob& job) {
  std::stop_source source(std::nostopstate);
  {
    const std::lock_guard lock(mutex_);
    if (job.state_ == PoolJob::State::queued) {
      unqueue(job);
      job.state_ = PoolJob::State::ended;
      count(PoolOutcome::stopped);
      note_changes();
      return true;
    }
    if (job.state_ != PoolJob::State::running) return false;
    source = ask_to_stop(job, PoolOutcome::stopped);
  }
  // Without the mutex, as what listens for it runs here and may use the pool; through a copy, as
  // the job may be gone by now.
  source.request_stop();
  return false;
}

void PoolCore::stop(PoolJob& job) {
  std::stop_source source(std::nostopstate);
  {
    const std::lock_guard lock(mutex_);
    if (job.state_ == PoolJob::State::queued) {
      unqueue(job);
      finish_unrun(job, PoolOutcome::stopped);
      note_changes();
      return;
    }
    if (job.state_ != PoolJob::State::running) return;
    source = ask_to_stop(job, PoolOutcome::stopped);
  }
  source.request_stop();
}

bool PoolCore::expire(PoolJob& job) {
  const std::lock_guard lock(mutex_);
  if (job.state_ != PoolJob::State::queued) return false;
  unqueue(job);
  job.state_ = PoolJob::State::ended;
  job.outcome_ = PoolOutcome::wait_expired;
  count(job.outcome_);
  note_changes();
  return true;
}

std::optional<TimePoint> PoolCore::running_since(PoolJob& job) {
  const std::lock_guard lock(mutex_);
  if (job.state_ != PoolJob::State::running) return std::nullopt;
  return job.started_at_;
}

void PoolCore::overrun(PoolJob& job, Duration ran) {
  std::stop_source source(std::nostopstate);
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    if (job.state_ != PoolJob::State::running) return;
    source = ask_to_stop(job, PoolOutcome::run_expired);
    name = job.describe();
  }
  source.request_stop();
  log_overrun(name, ran, source.stop_possible());
}

void PoolCore::log_overrun(const std::string& job, Duration ran, bool can_be_asked) {
  unsigned unsaid = 0;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint now = monotonic_now();
    if (now < next_overrun_line_) {
      ++overruns_unsaid_;
      return;
    }
    next_overrun_line_ = now + between_overrun_lines;
    unsaid = std::exchange(overruns_unsaid_, 0);
  }
  log::warn("pool \"{}\": job \"{}\" still runs after {} ms, past its run deadline: {}{}",
            options_.name, job, ran.count() / 1'000'000,
            can_be_asked ? "asked to stop" : "it takes no std::stop_token and cannot be asked to",
            unsaid == 0 ? "" : fmt::format(" ({} more since the last such line)", unsaid));
}

void PoolCore::abandon(PoolJob& job) {
  std::unique_lock lock(mutex_);
  if (job.state_ == PoolJob::State::queued) {
    unqueue(job);
    job.state_ = PoolJob::State::ended;
    count(PoolOutcome::stopped);
    note_changes();
  } else if (job.state_ == PoolJob::State::running) {
    job.abandoned_ = true;
    std::stop_source source = ask_to_stop(job, PoolOutcome::stopped);
    lock.unlock();
    source.request_stop();
    lock.lock();
    abandoned_.wait(lock, [&job] { return job.state_ == PoolJob::State::ended; });
  } else if (job.state_ == PoolJob::State::delivered) {
    const Seat* giver = nullptr;
    for (const auto& seat : seats_) {
      if (seat->handing_over.load(std::memory_order_acquire) == &job) giver = seat.get();
    }
    lock.unlock();
    // A few instructions, unless the thread has just lost its CPU. To a thread with a real-time
    // priority, such as this one may have, yielding would never give it back.
    for (int looks = 0; giver && giver->handing_over.load(std::memory_order_acquire) == &job;) {
      ++looks < 100 ? ::sched_yield() : ::usleep(50);
    }
    job.loop_->withdraw(job);
  }
}

}  // namespace brigade::detail
