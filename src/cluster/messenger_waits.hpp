// Those who wait for a Messenger: for an answer, or for room in its queue.
#pragma once

#include "cluster/messenger.hpp"

namespace brigade::cluster::detail {

/// For the answer to the frame with this sequence: an acknowledge, a reply, a refusal.
class [[nodiscard]] Messenger::ReplyWait final : public brigade::detail::Awaiter {
 public:
  ReplyWait(std::shared_ptr<Messenger> messenger, std::uint32_t sequence, TimePoint deadline)
      : Awaiter("answer"),
        messenger_(std::move(messenger)),
        sequence_(sequence),
        deadline_(deadline),
        timeout_(*this) {
    messenger_->waiting_.emplace(sequence_, this);
  }
  ~ReplyWait() { leave(); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    if (!enter(waiter) || answered_) return false;
    if (deadline_ == TimePoint::max()) return true;
    Loop& loop = Loop::current();
    loop.arm(timeout_, deadline_ - loop.read_clock());
    return true;
  }
  Result<Value> await_resume() {
    throw_if_cancelled();
    return std::move(answer_);
  }

  void end(Result<Value> answer) {
    leave();
    answer_ = std::move(answer);
    answered_ = true;
    resume_later();
  }

 private:
  struct Timeout final : Timer {
    explicit Timeout(ReplyWait& of) : wait(of) {}
    void on_timer() override {
      wait.end(Error(ETIMEDOUT, wait.messenger_->peer() + " has not answered in time"));
    }
    ReplyWait& wait;
  };
  void leave() {
    if (timeout_.armed()) Loop::current().disarm(timeout_);
    messenger_->waiting_.erase(sequence_);
  }
  void on_cancel() override {
    leave();
    resume_later();
  }

  std::shared_ptr<Messenger> messenger_;
  const std::uint32_t sequence_;
  const TimePoint deadline_;
  Timeout timeout_;
  bool answered_ = false;
  Result<Value> answer_ = Value();
};

/// Until there may be room; whoever waits tries again then.
class [[nodiscard]] Messenger::RoomWait final : public brigade::detail::Awaiter {
 public:
  RoomWait(Messenger& messenger, TimePoint deadline)
      : Awaiter("room in a queue"), messenger_(messenger), deadline_(deadline), timeout_(*this) {}
  ~RoomWait() {
    if (timeout_.armed()) Loop::current().disarm(timeout_);
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    if (!enter(waiter)) return false;
    messenger_.room_waiters_.push_back(*this);
    if (deadline_ == TimePoint::max()) return true;
    Loop& loop = Loop::current();
    loop.arm(timeout_, deadline_ - loop.read_clock());
    return true;
  }
  /// False at the deadline.
  bool await_resume() const {
    throw_if_cancelled();
    return !late_;
  }
  void end(bool late) {
    unlink();
    late_ = late;
    resume_later();
  }

 private:
  struct Timeout final : Timer {
    explicit Timeout(RoomWait& of) : wait(of) {}
    void on_timer() override { wait.end(true); }
    RoomWait& wait;
  };
  void on_cancel() override { end(false); }

  Messenger& messenger_;
  const TimePoint deadline_;
  Timeout timeout_;
  bool late_ = false;
};

}  // namespace brigade::cluster::detail
