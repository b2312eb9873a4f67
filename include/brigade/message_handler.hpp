// What a user gives to on_message(): any callable with one parameter. The message is converted to
// that parameter's type first.
#pragma once

#include <brigade/value_convert.hpp>

#include <functional>
#include <memory>
#include <type_traits>

namespace brigade::detail {

/// The type of a callable's one parameter; Value where that cannot be told (a generic lambda).
template <class Function>
struct MessageOf {
  using type = Value;
};
template <class Function>
  requires requires { &Function::operator(); }
struct MessageOf<Function> : MessageOf<decltype(&Function::operator())> {};
template <class R, class Message>
struct MessageOf<R (*)(Message)> {
  using type = std::decay_t<Message>;
};
template <class R, class Message>
struct MessageOf<R (*)(Message) noexcept> : MessageOf<R (*)(Message)> {};
template <class R, class C, class Message>
struct MessageOf<R (C::*)(Message)> : MessageOf<R (*)(Message)> {};
template <class R, class C, class Message>
struct MessageOf<R (C::*)(Message) const> : MessageOf<R (*)(Message)> {};
template <class R, class C, class Message>
struct MessageOf<R (C::*)(Message) noexcept> : MessageOf<R (*)(Message)> {};
template <class R, class C, class Message>
struct MessageOf<R (C::*)(Message) const noexcept> : MessageOf<R (*)(Message)> {};

/// Not std::function, which refuses what cannot be copied: handlers capture ports.
class MessageHandler {
 public:
  virtual ~MessageHandler() = default;
  /// An error: the message is not of the type that the handler takes. Throws what the handler does.
  virtual Result<void> handle(Value&& message) = 0;
};

template <class Function>
class MessageHandlerFor final : public MessageHandler {
 public:
  using Message = typename MessageOf<Function>::type;
  explicit MessageHandlerFor(Function function) : function_(std::move(function)) {}

  Result<void> handle(Value&& message) override {
    if constexpr (std::is_same_v<Message, Value>) {
      function_(std::move(message));
    } else {
      Result<Message> converted = value_to<Message>(std::move(message));
      if (!converted) return converted.error();
      function_(std::move(*converted));
    }
    return {};
  }

 private:
  static_assert(std::is_void_v<std::invoke_result_t<Function&, Message>>,
                "a message handler returns nothing; to await something for each message, write "
                "`while (auto message = co_await port.receive())` in a task");
  Function function_;
};

template <class Function>
std::shared_ptr<MessageHandler> make_message_handler(Function function) {
  return std::make_shared<MessageHandlerFor<Function>>(std::move(function));
}

}  // namespace brigade::detail
