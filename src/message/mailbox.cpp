#include <brigade/mailbox.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "message/transit.hpp"
#include "shared/futex.hpp"
#include "shared/stop_word.hpp"

namespace brigade::detail {
namespace {

// A queue that a burst has made larger than this gives its memory back afterwards.
constexpr std::size_t kept_capacity = 4096;

// Destroys messages. A port in one of them brings its own queue here while it is destroyed, and
// that may hold a port, and so on for as long as somebody cared to build: those wait their turn, so
// that it takes no stack.
void destroy(std::vector<Envelope>&& messages) {
  static thread_local std::vector<std::vector<Envelope>>* pending = nullptr;
  if (messages.empty()) return;
  if (pending) return pending->push_back(std::move(messages));
  std::vector<std::vector<Envelope>> all;
  pending = &all;
  all.push_back(std::move(messages));
  while (!all.empty()) {
    const std::vector<Envelope> next = std::move(all.back());
    all.pop_back();
  }
  pending = nullptr;
}

}  // namespace

Mailbox::Put Mailbox::put(Envelope&& envelope, const std::function<void()>* commit) {
  const bool is_end = envelope.kind == Envelope::end;
  {
    const std::lock_guard lock(mutex_);
    if (gone_ || (closed_ && envelope.kind <= Envelope::end)) return Put::closed;
    if (limit_ > 0 && envelope.kind == Envelope::message && put_ - taken_.load() >= limit_) {
      return Put::full;
    }
    if (is_end) closed_ = true;
    if (commit) (*commit)();
    if (envelope.kind == Envelope::message) ++put_;
    queue_.push_back(std::move(envelope));
    if (Loop* loop = std::exchange(armed_, nullptr)) {
      delivered_ = true;
      loop->deliver(*this);  // under the lock: disarm() must find it either armed or delivered
    } else if (sleeping_) {
      sleeping_ = false;
      std::atomic_ref(bell_).fetch_add(1);
      futex_wake(bell_, 1);
    }
    if (is_end && end_watch_) tell_end_watch_locked();
  }
  if (is_end && room_wanted_.load()) tell_of_room();  // there will be none: they must not wait
  return Put::done;
}

bool Mailbox::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::size_t Mailbox::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() + (batch_.size() - next_);
}

bool Mailbox::refill() {
  batch_.clear();
  next_ = 0;
  if (batch_.capacity() > kept_capacity) batch_.shrink_to_fit();
  const std::lock_guard lock(mutex_);
  batch_.swap(queue_);
  return !batch_.empty();
}

bool Mailbox::take(Envelope& out) {
  if (next_ == batch_.size() && !refill()) return false;
  out = std::move(batch_[next_++]);
  if (out.kind == Envelope::end) ended_ = true;
  if (out.carries_ports) ports_arrived(out.value);
  if (end_watch_ && (ended_ || at_end())) tell_end_watch();
  if (room_of_ && out.kind == Envelope::message) room_of_->made_room();
  return true;
}

void Mailbox::made_room() {
  if (limit_ == 0) return;
  taken_.fetch_add(1);
  pass_room_on();
}

void Mailbox::give_back(Envelope&& envelope) {
  if (envelope.kind == Envelope::end) ended_ = false;
  if (limit_ > 0 && envelope.kind == Envelope::message) taken_.fetch_sub(1);
  if (next_ > 0) {
    batch_[--next_] = std::move(envelope);
  } else {
    batch_.insert(batch_.begin(), std::move(envelope));
  }
}

bool Mailbox::arm(Loop& loop, MailListener& listener) {
  if (next_ < batch_.size()) return false;
  const std::lock_guard lock(mutex_);
  if (!queue_.empty()) return false;
  armed_ = loop_ = &loop;
  listener_ = &listener;
  return true;
}

void Mailbox::arm_and_ring(Loop& loop, MailListener& listener) {
  const std::lock_guard lock(mutex_);
  loop_ = &loop;
  listener_ = &listener;
  delivered_ = true;
  loop.deliver(*this);
}

void Mailbox::disarm() {
  if (!listener_) return;
  listener_ = nullptr;
  bool on_its_way = false;
  {
    const std::lock_guard lock(mutex_);
    armed_ = nullptr;
    on_its_way = std::exchange(delivered_, false);
  }
  if (on_its_way) loop_->withdraw(*this);
}

void Mailbox::on_delivered() {
  {
    const std::lock_guard lock(mutex_);
    delivered_ = false;
  }
  std::exchange(listener_, nullptr)->on_mail();
}

bool Mailbox::wait(TimePoint deadline) {
  if (next_ < batch_.size()) return true;
  std::uint32_t seen = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!queue_.empty()) return true;
    sleeping_ = true;
    seen = std::atomic_ref(bell_).load();
  }
  const FutexDeadline until(deadline == TimePoint::max() ? Duration::max()
                                                         : deadline - monotonic_now());
  const StopWord* stop = thread_stop_word();
  while (std::atomic_ref(bell_).load() == seen) {
    if (stop && stop->raised()) return false;
    int woken = 0;
    const int error = stop ? futex_wait_either({bell_, seen}, {stop->word(), 0}, until, woken)
                           : futex_wait(bell_, seen, until);
    if (error == ETIMEDOUT) return false;
  }
  return true;
}

bool Mailbox::wait_for_room(RoomWaiter& waiter, Loop& loop) {
  const std::lock_guard lock(mutex_);
  room_wanted_.store(true);  // before the look at taken_: see take(), which does it the other way
  if (closed_ || put_ - taken_.load() < limit_) return false;
  waiter.loop_ = &loop;
  waiter.told_ = false;
  room_waiters_.push_back(waiter);
  return true;
}

void Mailbox::ring_for_room(RoomWaiter& waiter, Loop& loop) {
  const std::lock_guard lock(mutex_);
  waiter.loop_ = &loop;
  waiter.told_ = true;
  loop.deliver(waiter);
}

void Mailbox::room_was_told(RoomWaiter& waiter) {
  const std::lock_guard lock(mutex_);
  waiter.told_ = false;
}

void Mailbox::stop_waiting_for_room(RoomWaiter& waiter) {
  bool told = false;
  {
    const std::lock_guard lock(mutex_);
    told = std::exchange(waiter.told_, false);
    static_cast<ListNode&>(waiter).unlink();
  }
  if (!told) return;
  waiter.loop_->withdraw(waiter);
  pass_room_on();
}

void Mailbox::pass_room_on() {
  if (room_wanted_.load()) tell_of_room();
}

void Mailbox::tell_of_room() {
  const std::lock_guard lock(mutex_);
  tell_of_room_locked();
}

void Mailbox::tell_of_room_locked() {
  std::size_t room = closed_ ? SIZE_MAX : limit_ - std::min(limit_, put_ - taken_.load());
  for (; room > 0; --room) {
    RoomWaiter* waiter = room_waiters_.pop_front();
    if (!waiter) {
      room_wanted_.store(false);
      return;
    }
    waiter->told_ = true;
    waiter->loop_->deliver(*waiter);
  }
}

void Mailbox::watch_end(EndWatch& watch, Loop& loop) {
  const std::lock_guard lock(mutex_);
  end_watch_ = &watch;
  end_loop_ = &loop;
  if (closed_) tell_end_watch_locked();
}

void Mailbox::unwatch_end() {
  if (!end_watch_) return;
  EndWatch* on_its_way = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(end_told_, false)) on_its_way = end_watch_;
    end_watch_ = nullptr;
  }
  if (on_its_way) end_loop_->withdraw(*on_its_way);
}

void Mailbox::end_was_told() {
  const std::lock_guard lock(mutex_);
  end_told_ = false;
}

void Mailbox::tell_end_watch() {
  const std::lock_guard lock(mutex_);
  tell_end_watch_locked();
}

void Mailbox::tell_end_watch_locked() {
  if (std::exchange(end_told_, true)) return;
  end_loop_->deliver(*end_watch_);
}

bool Mailbox::at_end() {
  if (next_ == batch_.size() && !refill()) return false;
  return batch_[next_].kind == Envelope::end;
}

void Mailbox::release() {
  MailListener* listener = listener_;
  disarm();
  if (listener) listener->on_reader_gone();
}

void Mailbox::abandon() {
  release();
  std::vector<Envelope> dropped;  // destroyed outside the lock: ports in it take other locks
  {
    const std::lock_guard lock(mutex_);
    closed_ = gone_ = true;
    dropped.swap(queue_);
  }
  pass_room_on();
  destroy(std::move(dropped));
  destroy(std::exchange(batch_, {}));
  next_ = 0;
}

}  // namespace brigade::detail
