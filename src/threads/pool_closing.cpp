// Waiting for a pool as a whole: for room in it, and for its end.
#include "threads/pool_core.hpp"

namespace brigade::detail {

void PoolCore::stop_accepting() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void PoolCore::begin_close() {
  const std::lock_guard lock(mutex_);
  closed_ = end_wanted_ = true;
  note_changes();
}

PoolLeft PoolCore::destroy() {
  PoolLeft left;
  std::vector<std::stop_source> sources;
  {
    const std::lock_guard lock(mutex_);
    closed_ = end_wanted_ = true;
    left.rejected = reject_all(PoolOutcome::closed);
    left.running = list_running();
    for (const auto& seat : seats_) {
      if (seat->job) sources.push_back(ask_to_stop(*seat->job, PoolOutcome::closed));
    }
    note_changes();
  }
  for (std::stop_source& source : sources) source.request_stop();
  return left;
}

bool PoolCore::needs_drain() {
  const std::lock_guard lock(mutex_);
  return detail::needs_drain(queue_.size(), running_, size_);
}

bool PoolCore::wait_for_room(PoolListener& waiter) {
  const std::lock_guard lock(mutex_);
  if (!detail::needs_drain(queue_.size(), running_, size_)) return false;
  waiter.state_ = PoolListener::State::listed;
  room_waiters_.push_back(waiter);
  return true;
}

bool PoolCore::wait_for_end(PoolListener& waiter) {
  const std::lock_guard lock(mutex_);
  if (ending_ && present_ == 0) return false;
  waiter.state_ = PoolListener::State::listed;
  end_waiters_.push_back(waiter);
  return true;
}

void PoolCore::wait_until(bool full, PoolListener& watch) {
  const std::lock_guard lock(mutex_);
  watch.state_ = PoolListener::State::listed;
  (full ? full_waiters_ : room_waiters_).push_back(watch);
  note_full();
  note_changes();
}

void PoolCore::leave(PoolListener& waiter) {
  std::unique_lock lock(mutex_);
  const auto state = std::exchange(waiter.state_, PoolListener::State::idle);
  if (state == PoolListener::State::listed) {
    static_cast<PoolWaiterNode&>(waiter).unlink();
  } else if (state == PoolListener::State::delivered) {
    lock.unlock();
    waiter.loop_->withdraw(waiter);
  }
}

void PoolCore::note_full() {
  if (!full_waiters_.empty() && detail::needs_drain(queue_.size(), running_, size_)) {
    tell(full_waiters_);
  }
}

void PoolCore::note_changes() {
  if (!room_waiters_.empty() && !detail::needs_drain(queue_.size(), running_, size_)) {
    tell(room_waiters_);
  }
  if (!end_wanted_ || ending_ || queue_.size() != 0 || running_ != 0) return;
  ending_ = true;
  wake_all();
  if (present_ == 0) tell(end_waiters_);
}

void PoolCore::tell(List<PoolWaiterNode>& waiters) {
  while (PoolWaiterNode* node = waiters.pop_front()) {
    auto& waiter = static_cast<PoolListener&>(*node);
    waiter.state_ = PoolListener::State::delivered;
    waiter.loop_->deliver(waiter);
  }
}

}  // namespace brigade::detail
