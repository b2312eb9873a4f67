#include "cluster/messenger_waits.hpp"

#include <cerrno>

namespace brigade::cluster {
namespace detail {
namespace {

TimePoint deadline_in(Duration duration) {
  const TimePoint now = Loop::current().read_clock();
  return duration > TimePoint::max() - now ? TimePoint::max() : now + duration;
}

Error no_peer() {
  return Error(ENOTCONN, "there is no such process to send to");
}

/// Waits for room as long as it takes.
Task<Result<void>> put(Messenger& messenger, FrameKind kind, std::uint32_t sequence, Value& value,
                       TimePoint deadline) {
  bool wait = messenger.others_wait_for_room();
  while (true) {
    if (wait) {
      const bool in_time = co_await Messenger::RoomWait(messenger, deadline);
      if (!in_time) {
        co_return Error(ETIMEDOUT,
                        "there was no room in the queue in time: " + messenger.full().message());
      }
    }
    auto posted = messenger.post(kind, sequence, std::move(value));
    if (posted || posted.error().code() != EAGAIN) co_return posted;
    wait = true;
  }
}

}  // namespace

Task<Result<void>> send(std::shared_ptr<Messenger> messenger, Result<Value> message,
                        SendOptions options) {
  if (!messenger) co_return no_peer();
  if (!message) co_return Error(EINVAL, message.error().message());
  const TimePoint deadline = deadline_in(options.deadline);
  if (!options.acknowledged) {
    auto posted = co_await put(*messenger, FrameKind::message, 0, *message, deadline);
    co_return posted;
  }
  const std::uint32_t sequence = messenger->next_sequence();
  auto posted = co_await put(*messenger, FrameKind::counted, sequence, *message, deadline);
  if (!posted) co_return posted;
  auto answer = co_await Messenger::ReplyWait(messenger, sequence, deadline);
  if (!answer) co_return answer.error();
  co_return Result<void>();
}

Task<Result<Value>> request(std::shared_ptr<Messenger> messenger, Result<Value> message,
                            Duration timeout) {
  if (!messenger) co_return no_peer();
  if (!message) co_return Error(EINVAL, message.error().message());
  const TimePoint deadline = deadline_in(timeout);
  const std::uint32_t sequence = messenger->next_sequence();
  auto posted = co_await put(*messenger, FrameKind::request, sequence, *message, deadline);
  if (!posted) co_return posted.error();
  auto answer = co_await Messenger::ReplyWait(messenger, sequence, deadline);
  co_return answer;
}

}  // namespace detail

// ---- Peer ----

Result<void> Peer::post_message(Value&& message) const {
  if (!messenger_) return Error(ENOTCONN, "there is no such process to send to");
  return messenger_->post(detail::FrameKind::message, 0, std::move(message));
}

void Peer::on_close(std::function<void()> handler) {
  if (messenger_) messenger_->set_close_handler(std::move(handler));
}

bool Peer::is_connected() const {
  return messenger_ && messenger_->pipe().connected();
}

std::size_t Peer::queued() const {
  return messenger_ ? messenger_->pipe().queued() : 0;
}

void Peer::set_message_handler(std::shared_ptr<brigade::detail::MessageHandler> handler) {
  if (messenger_) messenger_->set_message_handler(std::move(handler));
}

void Peer::set_request_handler(std::shared_ptr<detail::RequestHandler> handler) {
  if (messenger_) messenger_->set_request_handler(std::move(handler));
}

}  // namespace brigade::cluster
