#include "message/port_core.hpp"

#include <brigade/log.hpp>

#include <stdexcept>
#include <utility>

#include "message/transit.hpp"

namespace brigade::detail {

PortCore::~PortCore() {
  MailPump::stop();
  close_watch_.stop();
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
    stop();
  }
}

void PortCore::set_on_close(std::function<void()> callback) {
  on_close_ = std::move(callback);
  if (!on_close_) return close_watch_.stop();
  if (!started()) close_watch_.start();
}

void PortCore::start() {
  if (!handler_ || inbox().ended()) return;
  if (inbox().armed() && !started()) {
    throw std::logic_error("a port with a message handler, and a receive() that waits, at once");
  }
  close_watch_.stop();
  MailPump::start(inbox());
}

void PortCore::stop() {
  MailPump::stop();
  if (on_close_) close_watch_.start();
}

void PortCore::close() {
  if (closed_) return;
  closed_ = true;
  outbox().put(Envelope{.kind = Envelope::end});
  inbox().put(Envelope{.kind = Envelope::end});
}

PortCore::Handlers PortCore::detach() {
  MailPump::stop();
  close_watch_.stop();
  inbox().release();
  return {std::exchange(handler_, nullptr), std::exchange(on_message_error, nullptr),
          std::exchange(on_close_, nullptr)};
}

void PortCore::end() {
  closed_ = end_told_ = true;
  // Out of the port, which the callback may destroy, and which handlers may own.
  const Handlers last = detach();
  if (last.close) last.close();
}

void PortCore::CloseWatch::start() {
  Loop* const loop = Loop::try_current();
  if (watching_ || !loop || port_.end_told_) return;
  watching_ = true;
  loop->add_client(*this);
  port_.inbox().watch_end(*this, *loop);
}

void PortCore::CloseWatch::stop() {
  if (!watching_) return;
  watching_ = false;
  static_cast<LoopClient&>(*this).unlink();
  port_.inbox().unwatch_end();
}

void PortCore::CloseWatch::on_delivered() {
  Mailbox& inbox = port_.inbox();
  inbox.end_was_told();
  if (!inbox.ended()) {
    // Whoever waits for a message gets there first, and the mailbox tells of that.
    if (inbox.armed() || !inbox.at_end()) return;
    Envelope taken;
    inbox.take(taken);
  }
  Loop& loop = Loop::current();
  try {
    port_.end();
  } catch (...) {
    loop.fail(std::current_exception());
  }
}

void PortCore::on_envelope(Envelope& envelope) {
  if (envelope.kind == Envelope::end) return end();
  // Copies: the handler may destroy the port.
  const std::shared_ptr<MessageHandler> handler = handler_;
  const auto on_error = on_message_error;
  Result<void> taken = handler->handle(std::move(envelope.value));
  if (taken) return;
  if (on_error) return on_error(MessageError(taken.error()));
  log::warn("a message was dropped: {}", taken.error().message());
}

}  // namespace brigade::detail
