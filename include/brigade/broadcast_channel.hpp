// Broadcast channels: whoever opens one of the same name hears what the others post.
//
//     BroadcastChannel news("news");
//     news.on_message([](Headline headline) { … });
//     news.post_message(Headline{.text = "…"});        // to all the others, in every thread
//
// Names hold within the process. Nothing in the interface depends on that: they are meant to reach
// the cluster's other processes one day, which is also why a message may carry no ports.
#pragma once

#include <brigade/message_handler.hpp>
#include <brigade/receive.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace brigade {

namespace detail {
class BroadcastCore;
}  // namespace detail

struct BroadcastChannelOptions {
  /// Messages that may wait here. One more is dropped, here only, and counted in dropped(): no
  /// receiver, however slow, holds up or fails a sender. 0: any number.
  std::size_t max_queue = 16'384;
  /// False for a channel that only posts: nothing is kept for it.
  bool receives = true;
};

/// A member of the group of its name. Move-only; leaves when destroyed. Belongs to one thread: the
/// one where it was made, unless it has neither a message handler nor a waiting receive() and is
/// moved to another.
class BroadcastChannel {
 public:
  /// Messages posted from now on reach it; they wait for on_message() or receive().
  explicit BroadcastChannel(std::string name, BroadcastChannelOptions options = {});
  BroadcastChannel(BroadcastChannel&& other) noexcept;
  BroadcastChannel& operator=(BroadcastChannel&& other) noexcept;
  ~BroadcastChannel();

  const std::string& name() const;
  /// False when it was closed or moved from.
  explicit operator bool() const;

  /// Sends a copy of the message, anything that to_value() takes, to every other open channel of
  /// this name, in this thread and all others; success even when there is none. What is
  /// given as an rvalue is moved only when this succeeds. Never waits, never calls a handler. What
  /// one channel posts arrives everywhere in that order; messages of different senders may arrive
  /// here in one order and there in another. Errors: EPIPE when this channel is closed; EINVAL for
  /// a message with ports or descriptors (they could arrive at one place only), or too deep or
  /// large. Shared buffers are shared.
  template <class T>
  requires(!std::same_as<std::remove_cvref_t<T>, Value>) Result<void> post_message(T&& message)
  const {
    return value_detail::post_converted(
        std::forward<T>(message), [&](Value&& value) { return post_message(std::move(value)); });
  }
  Result<void> post_message(Value&& message) const;

  /// The next message; nothing once this channel is closed, also when that happens while it waits.
  /// One at a time, and not while there is a message handler.
  template <class T = Value>
  Receive<T> receive() {
    return Receive<T>(mailbox());
  }
  /// A message that is here already, or nothing. Works beside a handler, in competition with it.
  std::optional<Value> try_receive();

  /// Calls `handler` for each message, from now on, on this thread's loop; see MessageHandler for
  /// the parameter. Null pauses. What the handler throws ends the loop (Loop::fail).
  template <class Function>
  void on_message(Function handler) {
    set_handler(detail::make_message_handler(std::move(handler)));
  }
  void on_message(std::nullptr_t) { set_handler(nullptr); }
  /// A message that the handler's parameter cannot take. Without it such messages become log lines.
  void on_message_error(std::function<void(const MessageError&)> handler);

  /// Leaves. What waits here is dropped, and no handler is called any more; there is no event.
  /// Nothing on a closed channel.
  void close();

  /// A channel with a message handler keeps its loop alive (run_main waits for it); unref() changes
  /// that.
  void ref();
  void unref();
  bool has_ref() const;

  /// Messages that wait here, at this moment.
  std::size_t waiting() const;
  /// Messages that found the queue here full.
  std::uint64_t dropped() const;

 private:
  detail::Mailbox* mailbox();
  void set_handler(std::shared_ptr<detail::MessageHandler> handler);

  std::unique_ptr<detail::BroadcastCore> core_;
};

}  // namespace brigade
