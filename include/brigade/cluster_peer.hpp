// Messages between the processes of a cluster: what can be done with any one of them.
//
//     worker.post_message(Job{.id = 7}).value();                         // a described type
//     worker.on_message([](Done done) { … });
//     auto answer = co_await worker.request<Answer>(Question{…}, 2s);
//
// The primary has a Peer for each of its workers (cluster::Worker), a worker has one for its
// primary (cluster::this_worker()) and one for each sibling it asks for (cluster::worker()).
#pragma once

#include <brigade/message_handler.hpp>
#include <brigade/task.hpp>
#include <brigade/time.hpp>
#include <brigade/value_convert.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>

namespace brigade::cluster {

struct SendOptions {
  /// Wait until the other side's message handler has run, not only for room in the queue.
  bool acknowledged = false;
  /// Of the whole wait. After it an acknowledged message may still be handled.
  Duration deadline = Duration::max();
};

namespace detail {

class Messenger;

/// How a request is answered; once. Copies are one answer.
class Answer {
 public:
  Answer(std::weak_ptr<Messenger> messenger, std::uint32_t sequence)
      : messenger_(std::move(messenger)), sequence_(sequence) {}
  /// Nothing when the other side is gone.
  void reply(Result<Value> value);
  /// With what is being thrown.
  void reply_with_exception();
  /// Runs until it ends or the other side is gone.
  void spawn(Task<> task);

 private:
  std::weak_ptr<Messenger> messenger_;
  std::uint32_t sequence_;
};

class RequestHandler : public std::enable_shared_from_this<RequestHandler> {
 public:
  virtual ~RequestHandler() = default;
  /// Throws what the handler does.
  virtual void handle(Value&& request, Answer answer) = 0;
};

/// The type of a callable's second parameter, where the first one is the sender; Value where that
/// cannot be told (a generic lambda).
template <class Function>
struct SecondOf {
  using type = Value;
};
template <class Function>
requires requires {
  &Function::operator();
}
struct SecondOf<Function> : SecondOf<decltype(&Function::operator())> {};
template <class R, class From, class Message>
struct SecondOf<R (*)(From, Message)> {
  using type = std::decay_t<Message>;
};
template <class R, class C, class From, class Message>
struct SecondOf<R (C::*)(From, Message)> : SecondOf<R (*)(From, Message)> {};
template <class R, class C, class From, class Message>
struct SecondOf<R (C::*)(From, Message) const> : SecondOf<R (*)(From, Message)> {};

/// Make the handlers of each sender from one function of two parameters, the first being `Sender&`.
template <class Sender>
using MessageHandlers =
    std::function<std::shared_ptr<brigade::detail::MessageHandler>(Sender& sender)>;
template <class Sender>
using RequestHandlers = std::function<std::shared_ptr<RequestHandler>(Sender& sender)>;

template <class T>
struct IsTask : std::false_type {};
template <class T>
struct IsTask<Task<T>> : std::true_type {};
template <class T>
struct IsResult : std::false_type {};
template <class T>
struct IsResult<Result<T>> : std::true_type {};

template <class T>
Result<Value> reply_of(T&& returned) {
  if constexpr (std::is_same_v<std::remove_cvref_t<T>, Result<void>>) {
    if (!returned) return returned.error();
    return Value();
  } else if constexpr (IsResult<std::remove_cvref_t<T>>::value) {
    if (!returned) return returned.error();
    return to_value(std::move(*returned));
  } else {
    return to_value(std::forward<T>(returned));
  }
}

template <class Function>
class RequestHandlerFor final : public RequestHandler {
 public:
  using Message = typename brigade::detail::MessageOf<Function>::type;
  using Returned = std::invoke_result_t<Function&, Message>;
  explicit RequestHandlerFor(Function function) : function_(std::move(function)) {}

  void handle(Value&& request, Answer answer) override {
    Result<Message> converted = convert(std::move(request));
    if (!converted) return answer.reply(Error(EINVAL, converted.error().message()));
    if constexpr (IsTask<Returned>::value) {
      Task<> running = run(shared_from_this(), std::move(*converted), answer);
      answer.spawn(std::move(running));
    } else if constexpr (std::is_void_v<Returned>) {
      function_(std::move(*converted));
      answer.reply(Value());
    } else {
      answer.reply(reply_of(function_(std::move(*converted))));
    }
  }

 private:
  static Result<Message> convert(Value&& request) {
    if constexpr (std::is_same_v<Message, Value>) {
      return Result<Value>(std::move(request));
    } else {
      return value_to<Message>(std::move(request));
    }
  }
  // Keeps the handler, whose captures the task uses, whatever is set meanwhile.
  static Task<> run(std::shared_ptr<RequestHandler> self, Message request, Answer answer) {
    auto& function = static_cast<RequestHandlerFor&>(*self).function_;
    try {
      auto task = function(std::move(request));
      if constexpr (std::is_void_v<typename Returned::value_type>) {
        co_await std::move(task);
        answer.reply(Value());
      } else {
        auto returned = co_await std::move(task);
        answer.reply(reply_of(std::move(returned)));
      }
    } catch (...) {
      answer.reply_with_exception();
    }
  }

  Function function_;
};

template <class Function>
std::shared_ptr<RequestHandler> make_request_handler(Function function) {
  return std::make_shared<RequestHandlerFor<Function>>(std::move(function));
}

template <class Sender, class Function>
MessageHandlers<Sender> message_handlers(Function function) {
  using Message = typename SecondOf<Function>::type;
  auto shared = std::make_shared<Function>(std::move(function));
  return [shared](Sender& sender) {
    return brigade::detail::make_message_handler(
        [shared, &sender](Message message) { (*shared)(sender, std::move(message)); });
  };
}
template <class Sender, class Function>
RequestHandlers<Sender> request_handlers(Function function) {
  using Message = typename SecondOf<Function>::type;
  auto shared = std::make_shared<Function>(std::move(function));
  return [shared](Sender& sender) {
    return make_request_handler(
        [shared, &sender](Message message) { return (*shared)(sender, std::move(message)); });
  };
}

// Not in the class, so that a frame refers to nothing but the connection itself.
Task<Result<void>> send(std::shared_ptr<Messenger> messenger, Result<Value> message,
                        SendOptions options);
Task<Result<Value>> request(std::shared_ptr<Messenger> messenger, Result<Value> message,
                            Duration deadline);
template <class Reply>
Task<Result<Reply>> typed_request(std::shared_ptr<Messenger> messenger, Result<Value> message,
                                  Duration deadline) {
  auto asked = request(std::move(messenger), std::move(message), deadline);
  auto reply = co_await std::move(asked);
  if (!reply) co_return reply.error();
  co_return value_to<Reply>(std::move(*reply));
}

template <class T>
Result<Value> value_of(T&& message) {
  if constexpr (std::is_same_v<T, Value>) {
    return Result<Value>(std::move(message));
  } else {
    return to_value(std::forward<T>(message));
  }
}

}  // namespace detail

/// Another process of the cluster. Messages arrive there in the order in which they were posted,
/// those that carry descriptors or shared buffers included. Descriptors are moved, buffers shared;
/// ports cannot leave the process. A message has at most 16 MiB and 253 descriptors.
///
/// Thread: the loop's, where it came from.
class Peer {
 public:
  /// Sends a message: anything that to_value() takes. Never waits. The Error says which it is:
  /// EAGAIN, the queue (1 MiB) is full and the message is not in it, see send(); EPIPE, the other
  /// side is gone; EINVAL, the message cannot travel. A Value is moved only when this succeeds.
  template <class T>
  requires(!std::same_as<std::remove_cvref_t<T>, Value>) Result<void> post_message(T&& message)
  const {
    Result<Value> value = to_value(std::forward<T>(message));
    if (!value) return Error(EINVAL, value.error().message());
    return post_message(std::move(*value));
  }
  Result<void> post_message(Value&& message) const;

  /// The same, and waits for room in a full queue, behind those who wait already.
  template <class T>
  Task<Result<void>> send(T&& message, SendOptions options = {}) const {
    return detail::send(messenger_, detail::value_of(std::forward<T>(message)), options);
  }

  /// Sends a request, which the other side's on_request answers, and waits for the answer. Errors:
  /// those of post_message; ETIMEDOUT at the deadline, also when the other side answers nothing;
  /// what its handler answered (Result) or threw (EIO); EINVAL when the answer is no `Reply`.
  template <class Reply = Value, class T>
  Task<Result<Reply>> request(T&& message, Duration deadline) const {
    Result<Value> value = detail::value_of(std::forward<T>(message));
    if constexpr (std::is_same_v<Reply, Value>) {
      return detail::request(messenger_, std::move(value), deadline);
    } else {
      return detail::typed_request<Reply>(messenger_, std::move(value), deadline);
    }
  }

  /// Calls `handler` for each message that is no request, on this loop; see MessageHandler for the
  /// parameter. What came before is kept, 1024 messages or 1 MiB at most, and comes first. What
  /// the handler throws, or cannot take, is a line in the log, and the next message is handled.
  template <class Function>
  void on_message(Function handler) {
    set_message_handler(brigade::detail::make_message_handler(std::move(handler)));
  }
  /// Calls `handler` for each request. It returns the answer, a Result of it, or a Task of either,
  /// which is cancelled when the other side is gone. Kept until there is a handler, likewise.
  template <class Function>
  void on_request(Function handler) {
    set_request_handler(detail::make_request_handler(std::move(handler)));
  }
  /// It can send no more, and all that it had sent before has been handled. At most once.
  void on_close(std::function<void()> handler);

  /// False once the other side is gone.
  bool is_connected() const;
  /// Bytes that wait to be written.
  std::size_t queued() const;

 protected:
  Peer() = default;
  explicit Peer(std::shared_ptr<detail::Messenger> messenger) : messenger_(std::move(messenger)) {}
  ~Peer() = default;
  Peer(const Peer&) = default;
  Peer& operator=(const Peer&) = default;

  std::shared_ptr<detail::Messenger> messenger_;  // null: no such process

 private:
  virtual void set_message_handler(std::shared_ptr<brigade::detail::MessageHandler> handler);
  virtual void set_request_handler(std::shared_ptr<detail::RequestHandler> handler);
};

}  // namespace brigade::cluster
