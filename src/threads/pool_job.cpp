// A job's side that is on its loop: entering the pool, deadlines, cancellation, and what is thrown.
#include <brigade/pool_errors.hpp>
#include <brigade/pool_job.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "threads/pool_core.hpp"

namespace brigade::detail {

PoolJob::PoolJob(std::shared_ptr<PoolCore> core, JobOptions options)
    : Awaiter("pool"),
      core_(std::move(core)),
      name_(options.name),
      stop_token_(std::move(options.stop_token)),
      wait_deadline_(options.wait_deadline),
      run_deadline_(options.run_deadline) {
  priority = options.priority;
}

bool PoolJob::submit() {
  if (stop_token_.stop_requested()) {
    core_->count_cancelled();
    return refuse(PoolOutcome::stopped);
  }
  loop_ = &Loop::current();
  submitted_ = true;  // before it is: what throws in there leaves it to abandon()
  const PoolOutcome outcome = core_->submit(*this);
  if (outcome != PoolOutcome::ended) {
    submitted_ = false;
    return refuse(outcome);
  }
  if (wait_deadline_ != Duration::max() || run_deadline_ != Duration::max()) {
    const TimePoint now = loop_->read_clock();
    wait_ends_ = wait_deadline_ < TimePoint::max() - now ? now + wait_deadline_ : TimePoint::max();
    loop_->arm(*this, std::min(wait_deadline_, run_deadline_));
  }
  if (stop_token_.stop_possible()) on_stop_.emplace(stop_token_, OnStop{*this});
  return true;
}

bool PoolJob::refuse(PoolOutcome outcome) {
  outcome_ = outcome;
  if (spend_budget()) return false;
  resume_later();  // one that asks again and again must not starve the loop
  return true;
}

void PoolJob::abandon() {
  on_stop_.reset();
  if (submitted_) core_->abandon(*this);
}

void PoolJob::on_delivered() {
  submitted_ = false;
  loop_->disarm(*this);
  resume();
}

void PoolJob::on_cancel() {
  // A job that has begun is waited for; its result is dropped.
  if (!submitted_ || !core_->withdraw(*this)) return;
  submitted_ = false;
  loop_->disarm(*this);
  resume_later();
}

void PoolJob::OnStop::operator()() const {
  job.core_->stop(job);
}

void PoolJob::on_timer() {
  const TimePoint now = loop_->read_clock();
  if (now >= wait_ends_ && core_->expire(*this)) {
    submitted_ = false;
    resume();
    return;
  }
  // One that has not begun cannot be past its run deadline sooner than if it began now, so the
  // timer need not know when it begins. One that has, cannot wait any more.
  Duration next = run_deadline_;
  if (const std::optional<TimePoint> since = core_->running_since(*this)) {
    const Duration ran = monotonic_now() - *since;
    if (ran >= run_deadline_) {
      core_->overrun(*this, ran);
      return;
    }
    if (run_deadline_ != Duration::max()) next = run_deadline_ - ran;
  } else if (now < wait_ends_) {
    next = std::min(next, wait_ends_ - now);
  }
  if (next != Duration::max()) loop_->arm(*this, next);
}

std::string PoolJob::describe() const {
  if (name_ && *name_ != '\0') return name_;
  return scope() ? scope()->name() : "job";
}

Error PoolJob::outcome_error() const {
  const std::string& pool = core_->name();
  const auto ms = [](Duration time) { return time.count() / 1'000'000; };
  switch (outcome_) {
    case PoolOutcome::full:
      return {EAGAIN, fmt::format("the queue of thread pool \"{}\" is full: no room for job \"{}\"",
                                  pool, describe())};
    case PoolOutcome::closed:
      return {ESHUTDOWN, fmt::format("thread pool \"{}\" is closed: no result from job \"{}\"",
                                     pool, describe())};
    case PoolOutcome::unavailable:
      return {EAGAIN, fmt::format("thread pool \"{}\" has no thread for job \"{}\": {}", pool,
                                  describe(), core_->trouble())};
    case PoolOutcome::wait_expired:
      return {ETIMEDOUT,
              fmt::format("job \"{}\" waited for more than {} ms for a thread of pool \"{}\"",
                          describe(), ms(wait_deadline_), pool)};
    case PoolOutcome::run_expired:
      return {ETIME, fmt::format("job \"{}\" ran for more than {} ms on pool \"{}\"", describe(),
                                 ms(run_deadline_), pool)};
    case PoolOutcome::ended:
    case PoolOutcome::stopped:
      break;
  }
  return {ECANCELED, to_string(CancelReason::user)};
}

void PoolJob::throw_outcome() const {
  const Error error = outcome_error();
  switch (outcome_) {
    case PoolOutcome::full:
      throw Overloaded(error.message());
    case PoolOutcome::closed:
      throw PoolClosed(error.message());
    case PoolOutcome::unavailable:
      throw PoolUnavailable(error.message());
    case PoolOutcome::wait_expired:
      throw PoolWaitDeadline(error.message());
    case PoolOutcome::run_expired:
      throw PoolRunDeadline(error.message());
    case PoolOutcome::ended:
    case PoolOutcome::stopped:
      break;
  }
  throw Cancelled(CancelReason::user);
}

}  // namespace brigade::detail
