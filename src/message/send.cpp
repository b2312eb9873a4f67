#include <cerrno>

#include "message/port_core.hpp"

namespace brigade::detail {

SendToPort::SendToPort(const PortCore* port, Result<Value> message)
    : SendToPort(port ? port->pair() : nullptr, port ? 1 - port->side() : 0, std::move(message)) {}

SendToPort::~SendToPort() {
  if (pair_) pair_->boxes[side_].stop_waiting_for_room(*this);
}

bool SendToPort::begin() {
  if (!pair_ || spend_budget()) return try_post();
  pair_->boxes[side_].ring_for_room(*this, Loop::current());
  return true;
}

// True when it has to wait.
bool SendToPort::try_post() {
  if (!message_) {
    result_ = message_.error();
    return false;
  }
  if (!pair_) {
    result_ = Error(EPIPE, "send: this port was moved away");
    return false;
  }
  Mailbox& destination = pair_->boxes[side_];
  do {
    result_ = post_message(destination, pair_.get(), std::move(*message_));
    if (result_ || result_.error().code() != EAGAIN) return false;
  } while (!destination.wait_for_room(*this, Loop::current()));
  return true;
}

void SendToPort::on_delivered() {
  pair_->boxes[side_].room_was_told(*this);
  if (try_post()) return;
  if (!result_) pair_->boxes[side_].pass_room_on();
  resume();
}

void SendToPort::on_cancel() {
  if (pair_) pair_->boxes[side_].stop_waiting_for_room(*this);
  resume_later();
}

}  // namespace brigade::detail
