#include <brigade/message_port.hpp>

#include <cerrno>

#include "message/port_core.hpp"

namespace brigade {

MessagePort::MessagePort() = default;
MessagePort::MessagePort(std::unique_ptr<detail::PortCore> core) : core_(std::move(core)) {}
MessagePort::MessagePort(MessagePort&& other) noexcept = default;
MessagePort& MessagePort::operator=(MessagePort&& other) noexcept = default;
MessagePort::~MessagePort() = default;

MessagePort::operator bool() const {
  return core_ && core_->is_open();
}

Result<void> MessagePort::post_message(Value&& message) const {
  if (!core_) return Error(EPIPE, "post_message: this port was moved away");
  return detail::post_message(core_->outbox(), core_->pair().get(), std::move(message));
}

detail::Mailbox* MessagePort::mailbox() {
  return core_ ? &core_->inbox() : nullptr;
}

std::optional<Value> MessagePort::try_receive() {
  detail::Envelope envelope;
  if (!core_ || core_->inbox().ended() || !core_->inbox().take(envelope)) return std::nullopt;
  if (envelope.kind == detail::Envelope::message) return std::move(envelope.value);
  core_->inbox().give_back(std::move(envelope));  // the end is for on_close and receive()
  return std::nullopt;
}

std::optional<Value> MessagePort::receive_sync(Duration timeout) {
  if (!core_) return std::nullopt;
  const TimePoint now = monotonic_now();
  const TimePoint deadline = timeout < TimePoint::max() - now ? now + timeout : TimePoint::max();
  while (!core_->inbox().ended()) {
    detail::Envelope envelope;
    if (core_->inbox().take(envelope)) {
      if (envelope.kind == detail::Envelope::end) break;
      return std::move(envelope.value);
    }
    if (!core_->inbox().wait(deadline)) break;
  }
  return std::nullopt;
}

void MessagePort::set_handler(std::shared_ptr<detail::MessageHandler> handler) {
  if (core_) core_->set_handler(std::move(handler));
}

void MessagePort::on_message_error(std::function<void(const MessageError&)> handler) {
  if (core_) core_->on_message_error = std::move(handler);
}

void MessagePort::on_close(std::function<void()> handler) {
  if (core_) core_->set_on_close(std::move(handler));
}

void MessagePort::start() {
  if (core_) core_->start();
}

void MessagePort::stop() {
  if (core_) core_->stop();
}

void MessagePort::close() {
  if (core_) core_->close();
}

void MessagePort::ref() {
  if (core_) core_->ref();
}

void MessagePort::unref() {
  if (core_) core_->unref();
}

bool MessagePort::has_ref() const {
  return core_ && core_->has_ref();
}

std::size_t MessagePort::waiting() const {
  return core_ ? core_->inbox().waiting() : 0;
}

MessageChannel::MessageChannel(MessageChannelOptions options) {
  auto pair = std::make_shared<detail::PortPair>(options.max_queue);
  port1 = MessagePort(std::make_unique<detail::PortCore>(pair, 0));
  port2 = MessagePort(std::make_unique<detail::PortCore>(std::move(pair), 1));
}

}  // namespace brigade
