// co_await port.receive(): the next message of a mailbox.
#pragma once

#include <brigade/mailbox.hpp>
#include <brigade/value_convert.hpp>

#include <optional>
#include <stdexcept>

namespace brigade {
namespace detail {

class ReceiveBase : public Awaiter, private MailListener {
 public:
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return enter(waiter) && begin();
  }

 protected:
  explicit ReceiveBase(Mailbox* mailbox) : Awaiter("message"), mailbox_(mailbox) {}
  ~ReceiveBase();
  /// Nothing: the other side has closed, and all that it had sent before has been received.
  std::optional<Value> finish();

 private:
  bool begin();
  void on_mail() override;
  void on_reader_gone() override;
  void on_cancel() override;

  Mailbox* mailbox_;
  bool taken_ = false;
  Envelope envelope_;
};

}  // namespace detail

/// Its result is the next message, or nothing when the other side has closed and all it sent before
/// has been received. With T = Value as it is, else converted: throws MessageError, after the
/// message is gone, when it is not of that type.
template <class T>
class [[nodiscard]] Receive final : public detail::ReceiveBase {
 public:
  explicit Receive(detail::Mailbox* mailbox) : ReceiveBase(mailbox) {}
  std::optional<T> await_resume() {
    std::optional<Value> message = finish();
    if constexpr (std::is_same_v<T, Value>) {
      return message;
    } else {
      if (!message) return std::nullopt;
      Result<T> converted = value_to<T>(std::move(*message));
      if (!converted) throw MessageError(converted.error());
      return std::move(*converted);
    }
  }
};

}  // namespace brigade
