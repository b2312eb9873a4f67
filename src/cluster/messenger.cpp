#include "cluster/messenger.hpp"

#include <brigade/cbor.hpp>
#include <brigade/log.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "cluster/messenger_waits.hpp"

namespace brigade::cluster::detail {
namespace {

// A peer that asks and asks and does not read our answers may let so many times its queue wait.
constexpr std::size_t queues_of_answers = 4;
constexpr std::size_t kept_per_turn = 1024;
constexpr Duration between_complaints = std::chrono::seconds(1);

constexpr const char* unreadable = "sent a message that cannot be read";

void append(Bytes& out, const void* data, std::size_t size) {
  const auto* const from = static_cast<const std::byte*>(data);
  out.insert(out.end(), from, from + size);
}

std::string text_of_exception() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

}  // namespace

Messenger::Messenger(Fd socket, std::string peer, Events events, PipeLimits limits)
    : peer_(std::move(peer)),
      events_(std::move(events)),
      loop_(Loop::current()),
      value_limits_{.max_bytes = limits.max_body},
      pipe_(
          std::move(socket), limits,
          {.on_frame = [this](Frame& frame, const char*& error) { return received(frame, error); },
           .on_room = [this] { wake_room_waiters(); },
           .on_closed = [this](const char* error) { closed(error); }}) {}

// ---- Sending ----

Error Messenger::full() const {
  return Error(EAGAIN, fmt::format("{} has not read {} bytes yet: wait for room (send)", peer_,
                                   pipe_.limits().max_queued));
}

Result<void> Messenger::post(FrameKind kind, std::uint32_t sequence, Value&& value) {
  if (!pipe_.connected()) return gone();
  if (!pipe_.has_room()) return full();
  auto descriptors = cbor::encode_to(pipe_.begin_frame(), std::move(value), value_limits_);
  if (!descriptors) {
    pipe_.drop_frame();
    return Error(EINVAL, "the message cannot be sent: " + descriptors.error().message());
  }
  if (!pipe_.end_frame(kind, sequence, std::move(*descriptors))) {
    return Error(EINVAL, "the message cannot be sent: it is too long, or has too many descriptors");
  }
  value = Value();
  return {};
}

Result<void> Messenger::post_broadcast(std::string_view name, std::span<const std::byte> value,
                                       const std::vector<Fd>& descriptors) {
  if (!pipe_.connected()) return gone();
  if (!pipe_.has_room()) return full();
  std::vector<Fd> duplicates;
  for (const Fd& each : descriptors) {
    duplicates.push_back(each.duplicate());
    if (!duplicates.back()) return Error(EMFILE, "this process is out of file descriptors");
  }
  Bytes& out = pipe_.begin_frame();
  const auto size = static_cast<std::uint16_t>(name.size());
  append(out, &size, sizeof size);
  append(out, name.data(), size);
  append(out, value.data(), value.size());
  if (!pipe_.end_frame(FrameKind::broadcast, 0, std::move(duplicates))) {
    return Error(EINVAL, "the broadcast cannot be sent: it is too long");
  }
  return {};
}

bool Messenger::has_room_for_answer() {
  if (!pipe_.connected()) return false;
  if (pipe_.queued() < queues_of_answers * pipe_.limits().max_queued) return true;
  pipe_.close();
  closed("does not read the answers to what it asks");
  return false;
}

void Messenger::answer(std::uint32_t sequence, Result<Value> value) {
  if (!value) return refuse(sequence, value.error());
  if (!has_room_for_answer()) return;
  auto descriptors = cbor::encode_to(pipe_.begin_frame(), std::move(*value), value_limits_);
  if (!descriptors) {
    pipe_.drop_frame();
    return refuse(sequence,
                  Error(EINVAL, "the answer cannot be sent: " + descriptors.error().message()));
  }
  if (!pipe_.end_frame(FrameKind::reply, sequence, std::move(*descriptors))) {
    refuse(sequence, Error(EINVAL, "the answer cannot be sent: it is too long"));
  }
}

void Messenger::refuse(std::uint32_t sequence, const Error& error) {
  if (!has_room_for_answer()) return;
  constexpr std::size_t longest = 4096;
  Bytes& out = pipe_.begin_frame();
  const std::int32_t code = error.code();
  append(out, &code, sizeof code);
  append(out, error.message().data(), std::min(error.message().size(), longest));
  pipe_.end_frame(FrameKind::refusal, sequence);
}

// ---- Receiving ----

bool Messenger::received(Frame& frame, const char*& error) {
  auto self = shared_from_this();  // a handler may let go of us
  const bool sensible = dispatch(frame, error);
  if (self.use_count() == 1) {
    close();
    loop_.post([last = std::move(self)] {});  // the pipe is still on the stack
  }
  return sensible;
}

bool Messenger::dispatch(Frame& frame, const char*& error) {
  switch (frame.kind) {
    case FrameKind::message:
    case FrameKind::counted:
    case FrameKind::request:
    case FrameKind::reply:
      return received_value(frame, error);
    case FrameKind::acknowledge:
      received_answer(frame.sequence, Value());
      return true;
    case FrameKind::refusal:
      return received_refusal(frame, error);
    case FrameKind::broadcast:
      return received_broadcast(frame, error);
  }
  return true;
}

bool Messenger::received_value(Frame& frame, const char*& error) {
  if (frame.descriptors_lost) {
    const Error lost(EMFILE, "the descriptors of a message could not be taken (ulimit -n)");
    complain(lost.message());
    if (frame.kind == FrameKind::reply) received_answer(frame.sequence, lost);
    if (frame.kind == FrameKind::counted || frame.kind == FrameKind::request) {
      refuse(frame.sequence, lost);
    }
    return true;
  }
  auto value = cbor::decode(frame.body, std::move(frame.descriptors), value_limits_);
  if (!value) {
    error = unreadable;
    return false;
  }
  if (frame.kind == FrameKind::reply) {
    received_answer(frame.sequence, std::move(*value));
    return true;
  }
  const bool is_request = frame.kind == FrameKind::request;
  const bool others_first = !(is_request ? kept_requests_ : kept_messages_).empty();
  if (others_first || !(is_request ? on_request_ != nullptr : on_message_ != nullptr)) {
    keep(frame.kind, frame.sequence, std::move(*value), frame.body.size());
  } else {
    handle(frame.kind, frame.sequence, std::move(*value));
  }
  return true;
}

void Messenger::received_answer(std::uint32_t sequence, Result<Value> value) {
  const auto found = waiting_.find(sequence);
  if (found != waiting_.end()) found->second->end(std::move(value));  // else nobody waits any more
}

bool Messenger::received_refusal(const Frame& frame, const char*& error) {
  std::int32_t code = 0;
  if (frame.body.size() < sizeof code) {
    error = unreadable;
    return false;
  }
  std::memcpy(&code, frame.body.data(), sizeof code);
  const auto text = frame.body.subspan(sizeof code);
  received_answer(
      frame.sequence,
      Error(code, std::string(reinterpret_cast<const char*>(text.data()), text.size())));
  return true;
}

bool Messenger::received_broadcast(Frame& frame, const char*& error) {
  std::uint16_t size = 0;
  if (frame.body.size() >= sizeof size) std::memcpy(&size, frame.body.data(), sizeof size);
  if (frame.body.size() < sizeof size + size) {
    error = unreadable;
    return false;
  }
  const std::string name(reinterpret_cast<const char*>(frame.body.data()) + sizeof size, size);
  if (frame.descriptors_lost) {
    complain("the descriptors of a broadcast could not be taken (ulimit -n)");
  } else if (events_.on_broadcast) {
    events_.on_broadcast(name, frame, frame.body.subspan(sizeof size + size));
  }
  return true;
}

void Messenger::keep(FrameKind kind, std::uint32_t sequence, Value&& value, std::size_t bytes) {
  auto& list = kind == FrameKind::request ? kept_requests_ : kept_messages_;
  if (list.size() < most_kept && kept_bytes_ + bytes <= most_kept_bytes) {
    list.push_back({kind, sequence, std::move(value), bytes});
    kept_bytes_ += bytes;
    return;
  }
  if (dropped_++ == 0) {
    log::warn(
        "{} sends messages, and no handler takes them (on_message, on_request): what comes "
        "after the first {} is dropped",
        peer_, list.size());
  }
  if (kind != FrameKind::message)
    refuse(sequence, Error(ENOBUFS, "no handler takes messages there"));
}

void Messenger::deliver_kept() {
  const auto self = shared_from_this();
  std::size_t count = 0;
  const auto deliver = [&](std::deque<Kept>& list, auto has_handler) {
    for (; !list.empty() && has_handler() && count < kept_per_turn; ++count) {
      Kept next = std::move(list.front());
      list.pop_front();
      kept_bytes_ -= next.bytes;
      handle(next.kind, next.sequence, std::move(next.value));
    }
    return !list.empty() && has_handler();
  };
  const bool messages_left = deliver(kept_messages_, [&] { return on_message_ != nullptr; });
  const bool requests_left = deliver(kept_requests_, [&] { return on_request_ != nullptr; });
  if (messages_left || requests_left) {
    loop_.run_later(deliver_kept_);
  } else if (!pipe_.open() && on_close_) {
    std::exchange(on_close_, nullptr)();
  }
}

void Messenger::handle(FrameKind kind, std::uint32_t sequence, Value&& value) {
  if (kind != FrameKind::request) return handle_message(kind, sequence, std::move(value));
  const std::shared_ptr<RequestHandler> handler = on_request_;
  try {
    handler->handle(std::move(value), Answer(weak_from_this(), sequence));
  } catch (const brigade::detail::ExitRequest&) {
    loop_.fail(std::current_exception());
  } catch (...) {
    Answer(weak_from_this(), sequence).reply_with_exception();
  }
}

void Messenger::handle_message(FrameKind kind, std::uint32_t sequence, Value&& value) {
  const std::shared_ptr<MessageHandler> handler = on_message_;
  Result<void> taken;
  try {
    taken = handler->handle(std::move(value));
    if (!taken)
      taken = Error(EINVAL, "the handler takes other messages: " + taken.error().message());
  } catch (const brigade::detail::ExitRequest&) {
    return loop_.fail(std::current_exception());
  } catch (...) {
    taken = Error(EIO, "the handler of a message threw: " + text_of_exception());
  }
  if (!taken) complain(taken.error().message());
  if (kind != FrameKind::counted) return;
  if (!taken) return refuse(sequence, taken.error());
  if (!has_room_for_answer()) return;
  pipe_.begin_frame();
  pipe_.end_frame(FrameKind::acknowledge, sequence);
}

// Other processes decide how often there is reason to, so not each is a line in the log.
void Messenger::complain(const std::string& what) {
  const TimePoint now = monotonic_now();
  if (now < next_complaint_) {
    ++untold_;
    return;
  }
  next_complaint_ = now + between_complaints;
  const std::uint64_t untold = std::exchange(untold_, 0);
  log::error("from {}: {}{}", peer_, log::escape(what),
             untold == 0 ? "" : fmt::format(" (and {} more like it before)", untold));
}

void Messenger::set_message_handler(std::shared_ptr<MessageHandler> handler) {
  on_message_ = std::move(handler);
  // From the loop: the program may still be setting things up.
  if (!kept_messages_.empty() && !deliver_kept_.linked()) loop_.run_later(deliver_kept_);
}

void Messenger::set_request_handler(std::shared_ptr<RequestHandler> handler) {
  on_request_ = std::move(handler);
  if (!kept_requests_.empty() && !deliver_kept_.linked()) loop_.run_later(deliver_kept_);
}

// ---- The end ----

void Messenger::closed(const char* error) {
  const auto self = weak_from_this().lock();
  end_waits();
  const auto callback = std::exchange(events_.on_closed, nullptr);
  if (callback) callback(error);
  // Behind what is kept for a handler, and never from within another callback.
  if (!deliver_kept_.linked()) loop_.run_later(deliver_kept_);
}

void Messenger::end_waits() {
  while (!waiting_.empty()) waiting_.begin()->second->end(gone());
  wake_room_waiters();
  tasks_.cancel(CancelReason::client_gone);
}

void Messenger::close() {
  events_ = {};
  on_message_ = nullptr;
  on_request_ = nullptr;
  on_close_ = nullptr;
  pipe_.close();
  end_waits();
}

void Messenger::read_rest_and_close() {
  const auto self = shared_from_this();
  // More than the socket holds: of messages with descriptors a read takes one.
  constexpr int turns = 1024;
  pipe_.receive_pending(turns);
  if (!pipe_.open()) return;
  pipe_.close();
  closed(nullptr);
}

void Messenger::wake_room_waiters() {
  while (!room_waiters_.empty()) room_waiters_.front().end(false);
}

// ---- Answer ----

void Answer::reply(Result<Value> value) {
  const auto messenger = messenger_.lock();
  if (messenger) messenger->answer(sequence_, std::move(value));
  messenger_.reset();
}

void Answer::reply_with_exception() {
  reply(Error(EIO, "the handler of a request threw: " + text_of_exception()));
}

void Answer::spawn(Task<> task) {
  if (const auto messenger = messenger_.lock()) messenger->spawn(std::move(task));
}

}  // namespace brigade::cluster::detail
