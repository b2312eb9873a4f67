// Messages to any thread of the process, by its id, without a port to it.
//
//     threads::on_thread_message([](Command command, std::uint32_t source) { … });    // there
//
//     auto outcome = co_await threads::post_to_thread(id, Command{…}, 1s);             // here
//     if (outcome != threads::PostOutcome::delivered) …
//
// Directly from thread to thread, not by way of the main thread: that may be busy.
#pragma once

#include <brigade/loop.hpp>
#include <brigade/value_convert.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>

namespace brigade::threads {

enum class PostOutcome : std::uint8_t {
  delivered,    // the listener has run
  same_thread,  // it is this very thread; nothing was sent
  no_listener,  // no such thread, or it has no listener, or it ended meanwhile
  errored,      // the listener threw, or its parameter cannot take the message
  timed_out,    // the listener had not ended in time
};
const char* to_string(PostOutcome outcome);

namespace detail {

struct Letter;

/// What a user gives to on_thread_message().
class ThreadMessageHandler {
 public:
  virtual ~ThreadMessageHandler() = default;
  /// Throws what the listener does; MessageError when the message is not of its type.
  virtual void handle(Value&& message, std::uint32_t source) = 0;
};

/// The type of a callable's first parameter; Value where that cannot be told (a generic lambda).
template <class Function>
struct FirstOf {
  using type = Value;
};
template <class Function>
  requires requires { &Function::operator(); }
struct FirstOf<Function> : FirstOf<decltype(&Function::operator())> {};
template <class R, class First, class Second>
struct FirstOf<R (*)(First, Second)> {
  using type = std::decay_t<First>;
};
template <class R, class C, class First, class Second>
struct FirstOf<R (C::*)(First, Second)> : FirstOf<R (*)(First, Second)> {};
template <class R, class C, class First, class Second>
struct FirstOf<R (C::*)(First, Second) const> : FirstOf<R (*)(First, Second)> {};
template <class R, class C, class First, class Second>
struct FirstOf<R (C::*)(First, Second) noexcept> : FirstOf<R (*)(First, Second)> {};
template <class R, class C, class First, class Second>
struct FirstOf<R (C::*)(First, Second) const noexcept> : FirstOf<R (*)(First, Second)> {};

template <class Function>
class ThreadMessageHandlerFor final : public ThreadMessageHandler {
 public:
  using Message = typename FirstOf<Function>::type;
  explicit ThreadMessageHandlerFor(Function function) : function_(std::move(function)) {}
  void handle(Value&& message, std::uint32_t source) override {
    if constexpr (std::is_same_v<Message, Value>) {
      function_(std::move(message), source);
    } else {
      function_(value_as<Message>(std::move(message)), source);
    }
  }

 private:
  static_assert(std::is_void_v<std::invoke_result_t<Function&, Message, std::uint32_t>>,
                "a listener returns nothing; what takes longer belongs to a TaskGroup");
  Function function_;
};

void set_thread_message_handler(std::shared_ptr<ThreadMessageHandler> handler);

/// Lives in the frame of the sender.
class [[nodiscard]] PostToThread final : public brigade::detail::Awaiter,
                                         private brigade::detail::InboxNode,
                                         private Timer {
 public:
  PostToThread(std::uint32_t id, Result<Value> message, Duration timeout);
  ~PostToThread();
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return enter(waiter) && begin();
  }
  /// Throws MessageError when the message cannot travel (see MessagePort::post_message); nothing is
  /// moved then.
  PostOutcome await_resume();

 private:
  friend struct Letter;
  bool begin();
  bool send();
  bool leave();
  void on_delivered() override;
  void on_timer() override;
  void on_cancel() override;

  const std::uint32_t id_;
  Result<Value> message_;
  const Duration timeout_;
  PostOutcome outcome_ = PostOutcome::no_listener;
  Loop* loop_ = nullptr;
  bool told_ = false;  // handed to loop_, and not delivered yet; under the letter's mutex
  std::shared_ptr<Letter> letter_;
};

}  // namespace detail

/// Calls `listener(message, source)` on this thread's loop for each message that is posted to its
/// id; `source` is the sender's. Messages are converted to the type of its first parameter. What it
/// throws is the sender's outcome, and a log line here. Null removes it. Does not keep the loop
/// alive. One per thread, for a worker thread or the main thread; it ends with the thread's loop.
/// Throws std::logic_error on other threads, which have no id, and where there is no loop.
template <class Function>
void on_thread_message(Function listener) {
  detail::set_thread_message_handler(
      std::make_shared<detail::ThreadMessageHandlerFor<Function>>(std::move(listener)));
}
inline void on_thread_message(std::nullptr_t) {
  detail::set_thread_message_handler(nullptr);
}

/// Sends a message, anything that to_value() takes, to the listener of the thread with that id (0:
/// the main thread), and waits until that has run. Messages of one sender arrive in order. When the
/// wait ends earlier, by the timeout or by cancellation, a listener that has not begun will never
/// see the message; one that has runs to its end.
template <class T>
detail::PostToThread post_to_thread(std::uint32_t id, T&& message,
                                    Duration timeout = Duration::max()) {
  if constexpr (std::same_as<T, Value>) {
    return detail::PostToThread(id, std::move(message), timeout);
  } else {
    return detail::PostToThread(id, to_value(std::forward<T>(message)), timeout);
  }
}

}  // namespace brigade::threads
