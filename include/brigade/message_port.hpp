// Message ports: the two ends of a channel between threads, or between parts of one.
//
//     MessageChannel channel;
//     auto thread = threads::run(crunch, std::move(channel.port2));     // take one end along
//     channel.port1.post_message(Job{.id = 7}).value();                         // any described
//     type while (auto done = co_await channel.port1.receive<Done>()) { … }  // until the other end
//     closes
//
// A message is moved to the other end, never shared: what a thread has posted it does not have any
// more. Messages arrive in the order in which they were posted; bytes and text travel without a
// copy.
#pragma once

#include <brigade/message_handler.hpp>
#include <brigade/receive.hpp>

#include <functional>
#include <memory>
#include <optional>

namespace brigade {

namespace detail {
struct PortPair;
class PortCore;
class SendToPort;
}  // namespace detail

struct MessageChannelOptions {
  /// Messages that may wait at each end. post_message() refuses one more, send() waits. 0: any
  /// number.
  std::size_t max_queue = 0;
};

/// One end of a channel. Move-only; closes when destroyed. Belongs to one thread at a time. While
/// it has a handler, or a receive() waits, it belongs to the loop where that happens, and
/// is moved, closed and destroyed on that loop's thread; otherwise it may be moved to any thread.
class MessagePort {
 public:
  /// No port: posts are refused, nothing is received.
  MessagePort();
  MessagePort(MessagePort&& other) noexcept;
  MessagePort& operator=(MessagePort&& other) noexcept;
  ~MessagePort();

  /// False for a port that was moved from, posted away, or closed here.
  explicit operator bool() const;

  /// Sends a message: anything that to_value() takes. What is given as an rvalue is moved only when
  /// this succeeds; after an error it is as it was. Never waits. Errors: EPIPE when an end is
  /// closed, EAGAIN when the queue is full, EINVAL for a message that cannot travel: too deep or
  /// large, a closed port or descriptor in it, or this channel's own.
  template <class T>
  requires(!std::same_as<std::remove_cvref_t<T>, Value>) Result<void> post_message(T&& message)
  const {
    return value_detail::post_converted(
        std::forward<T>(message), [&](Value&& value) { return post_message(std::move(value)); });
  }
  Result<void> post_message(Value&& message) const;

  /// The same, and waits for room in a full queue: `auto sent = co_await port.send(value);`. The
  /// message is taken from the caller at once, and is gone when this fails.
  template <class T>
  detail::SendToPort send(T&& message) const;

  /// The next message; see Receive. One at a time, and not while there is a message handler.
  template <class T = Value>
  Receive<T> receive() {
    return Receive<T>(mailbox());
  }
  /// A message that is here already, or nothing. Works beside a handler, in competition with it.
  std::optional<Value> try_receive();
  /// Blocks the thread until a message is here. Nothing at the timeout, at the end, or when the
  /// thread is told to stop. For threads that have no loop or nothing else to do.
  std::optional<Value> receive_sync(Duration timeout = Duration::max());

  /// Calls `handler` for each message, from now on, on this thread's loop; see MessageHandler for
  /// the parameter. Null pauses. What the handler throws ends the loop (Loop::fail).
  template <class Function>
  void on_message(Function handler) {
    set_handler(detail::make_message_handler(std::move(handler)));
  }
  void on_message(std::nullptr_t) { set_handler(nullptr); }
  /// A message that the handler's parameter cannot take. Without it such messages become log lines.
  void on_message_error(std::function<void(const MessageError&)> handler);
  /// The channel is closed, from either side, and all earlier messages have been handled or
  /// received. Once; on the loop where this is called, which it does not keep alive. With it, as
  /// with a message handler, the port belongs to that loop. (Without a loop it is told only when
  /// there is a message handler, too.)
  void on_close(std::function<void()> handler);

  /// Resumes after stop(). Handlers wait for the loop's next turn.
  void start();
  /// Messages wait until start().
  void stop();

  /// Closes both ends, behind the messages posted so far; those that are already on their way to
  /// this end are still delivered. Nothing on a closed port.
  void close();

  /// A port with a message handler keeps its loop alive (run_main waits for it); unref() changes
  /// that.
  void ref();
  void unref();
  bool has_ref() const;

  /// Messages that wait at this end, at this moment.
  std::size_t waiting() const;

 private:
  friend class detail::PortCore;
  friend struct MessageChannel;
  explicit MessagePort(std::unique_ptr<detail::PortCore> core);
  detail::Mailbox* mailbox();
  void set_handler(std::shared_ptr<detail::MessageHandler> handler);

  std::unique_ptr<detail::PortCore> core_;
};

/// Two connected ports.
struct MessageChannel {
  explicit MessageChannel(MessageChannelOptions options = {});
  MessagePort port1;
  MessagePort port2;
};

namespace detail {

/// Waits in the frame of the sender.
class [[nodiscard]] SendToPort final : public Awaiter, private RoomWaiter {
 public:
  SendToPort(std::shared_ptr<PortPair> pair, unsigned to, Result<Value> message)
      : Awaiter("room in a port's queue"),
        pair_(std::move(pair)),
        side_(to),
        message_(std::move(message)) {}
  SendToPort(const PortCore* port, Result<Value> message);
  ~SendToPort();
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return enter(waiter) && begin();
  }
  Result<void> await_resume() {
    throw_if_cancelled();
    return std::move(result_);
  }

 private:
  bool begin();
  bool try_post();
  void on_delivered() override;
  void on_cancel() override;

  std::shared_ptr<PortPair> pair_;  // of the port, which may move meanwhile
  unsigned side_ = 0;
  Result<Value> message_;
  Result<void> result_;
};

}  // namespace detail

template <class T>
detail::SendToPort MessagePort::send(T&& message) const {
  if constexpr (std::same_as<T, Value>) {
    return detail::SendToPort(core_.get(), std::move(message));
  } else {
    return detail::SendToPort(core_.get(), to_value(std::forward<T>(message)));
  }
}

}  // namespace brigade
