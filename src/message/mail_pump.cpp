#include <brigade/mailbox.hpp>

namespace brigade::detail {

void MailPump::start(Mailbox& mailbox) {
  if (loop_) return;
  mailbox_ = &mailbox;
  loop_ = &Loop::current();
  mailbox_->pumped = true;
  loop_->add_client(*this);
  if (referenced_) loop_->ref();
  // Not at once: the caller may have more to set up.
  loop_->run_later(*this);
}

void MailPump::stop() {
  if (!loop_) return;
  mailbox_->disarm();
  mailbox_->pumped = false;
  static_cast<ReadyNode&>(*this).unlink();
  static_cast<LoopClient&>(*this).unlink();
  if (referenced_) loop_->unref();
  loop_ = nullptr;
  if (gone_) *gone_ = true;
  gone_ = nullptr;
}

void MailPump::ref() {
  if (!referenced_ && loop_) loop_->ref();
  referenced_ = true;
}

void MailPump::unref() {
  if (referenced_ && loop_) loop_->unref();
  referenced_ = false;
}

void MailPump::on_loop_end() {
  stop();
}

void MailPump::pump() {
  Loop& loop = *loop_;
  Mailbox& mailbox = *mailbox_;
  bool gone = false;
  gone_ = &gone;
  for (int handled = 0; handled < messages_per_turn; ++handled) {
    Envelope envelope;
    if (!mailbox.take(envelope)) {
      if (!mailbox.arm(loop, *this)) continue;
      gone_ = nullptr;
      return;
    }
    bool threw = false;
    try {
      on_envelope(envelope);
    } catch (...) {
      threw = true;
      loop.fail(std::current_exception());
    }
    if (gone) return;
    if (threw) {
      // What is left waits for the loop's next turn, if there is one. (run_later() might still be
      // in this turn.)
      gone_ = nullptr;
      mailbox.arm_and_ring(loop, *this);
      return;
    }
  }
  gone_ = nullptr;
  loop.run_later(*this);
}

}  // namespace brigade::detail
