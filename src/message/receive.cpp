#include <brigade/receive.hpp>

namespace brigade::detail {

ReceiveBase::~ReceiveBase() {
  if (mailbox_ && mailbox_->armed_for(*this)) mailbox_->disarm();
}

bool ReceiveBase::begin() {
  if (!mailbox_ || mailbox_->ended()) return false;
  if (mailbox_->armed() || mailbox_->pumped) {
    throw std::logic_error("a second receive() on a port, or one on a port with a handler");
  }
  Loop& loop = Loop::current();
  if (!spend_budget()) {
    // Nothing is taken yet: what is cancelled or destroyed until then loses no message.
    mailbox_->arm_and_ring(loop, *this);
    return true;
  }
  taken_ = mailbox_->take(envelope_);
  return !taken_ && (mailbox_->arm(loop, *this) || begin());
}

void ReceiveBase::on_mail() {
  taken_ = mailbox_->take(envelope_);
  // Somebody else may have taken it meanwhile, by try_receive().
  if (taken_ || !mailbox_->arm(Loop::current(), *this)) {
    if (!taken_) return on_mail();
    resume();
  }
}

void ReceiveBase::on_reader_gone() {
  mailbox_ = nullptr;
  resume_later();
}

void ReceiveBase::on_cancel() {
  if (mailbox_ && mailbox_->armed_for(*this)) mailbox_->disarm();
  mailbox_ = nullptr;  // nothing holds it until the resume
  resume_later();
}

std::optional<Value> ReceiveBase::finish() {
  throw_if_cancelled();
  if (!taken_ || envelope_.kind == Envelope::end) return std::nullopt;
  return std::move(envelope_.value);
}

}  // namespace brigade::detail
