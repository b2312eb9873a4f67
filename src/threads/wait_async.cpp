#include <brigade/wait_async.hpp>

#include "threads/wait_helpers.hpp"

namespace brigade::detail {

using atomics::WaitResult;

WaitAsync::~WaitAsync() {
  if (!inside_ || WaitHelpers::instance().leave(*this)) return;
  loop_->withdraw(*this);
  pass_on();
}

/// True when there is something to wait for.
bool WaitAsync::begin() {
  Loop& loop = Loop::current();
  loop_ = &loop;
  const bool equal = std::atomic_ref(*word_).load() == expected_;
  if (equal && timeout_ > Duration::zero()) {
    WaitHelpers::instance().enter(*this);
    if (timeout_ < atomics::forever) {
      loop.read_clock();  // counted from the turn's start it could be too short
      loop.arm(*this, timeout_);
    }
    return true;
  }
  result_ = equal ? WaitResult::timed_out : WaitResult::not_equal;
  if (spend_budget()) return false;
  resume_later();  // one that asks again and again must not starve the loop
  return true;
}

/// A notify counted us, and we shall make no use of it: it belongs to the next in the queue.
void WaitAsync::pass_on() const {
  if (result_ == WaitResult::ok) atomics::detail::notify(*word_, 1);
}

void WaitAsync::on_cancel() {
  if (!inside_) return resume_later();  // which it is about to do anyway
  // Where a helper has handed us over already, on_delivered() does the rest.
  if (!WaitHelpers::instance().leave(*this)) return;
  loop_->disarm(*this);
  resume_later();
}

void WaitAsync::on_timer() {
  WaitHelpers::instance().give_up(*this, WaitResult::timed_out);
}

void WaitAsync::on_delivered() {
  inside_ = false;
  loop_->disarm(*this);
  if (scope() && scope()->cancelled()) pass_on();
  resume();
}

void WaitAsync::on_dropped() {
  inside_ = false;
  loop_->disarm(*this);
  pass_on();
}

}  // namespace brigade::detail
