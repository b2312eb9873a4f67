#include "message/port_core.hpp"

#include <brigade/log.hpp>

#include <stdexcept>
#include <utility>

#include "message/transit.hpp"

namespace brigade::detail {

PortCore::~PortCore() {
  MailPump::stop();
  close();
  if (inbox().inside) {  // it dies in a queue
    const std::lock_guard lock(transit_lock());
    inbox().inside = nullptr;
  }
  inbox().abandon();
}

void PortCore::set_handler(std::shared_ptr<MessageHandler> handler) {
  handler_ = std::move(handler);
  if (handler_) {
    start();
  } else {
    MailPump::stop();
  }
}

void PortCore::start() {
  if (!handler_ || inbox().ended()) return;
  if (inbox().armed() && !started()) {
    throw std::logic_error("a port with a message handler, and a receive() that waits, at once");
  }
  MailPump::start(inbox());
}

void PortCore::stop() {
  MailPump::stop();
}

void PortCore::close() {
  if (closed_) return;
  closed_ = true;
  outbox().put(Envelope{.kind = Envelope::end});
  inbox().put(Envelope{.kind = Envelope::end});
}

PortCore::Handlers PortCore::detach() {
  MailPump::stop();
  inbox().release();
  return {std::exchange(handler_, nullptr), std::exchange(on_message_error, nullptr),
          std::exchange(on_close, nullptr)};
}

void PortCore::on_envelope(Envelope& envelope) {
  if (envelope.kind == Envelope::end) {
    closed_ = true;
    // Out of the port, which the callback may destroy, and which handlers may own.
    const Handlers last = detach();
    if (last.close) last.close();
    return;
  }
  // Copies: the handler may destroy the port.
  const std::shared_ptr<MessageHandler> handler = handler_;
  const auto on_error = on_message_error;
  Result<void> taken = handler->handle(std::move(envelope.value));
  if (taken) return;
  if (on_error) return on_error(MessageError(taken.error()));
  log::warn("a message was dropped: {}", taken.error().message());
}

}  // namespace brigade::detail
