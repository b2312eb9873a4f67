// What a MessagePort owns: its end of the pair, and its handlers while it has some.
#pragma once

#include <brigade/message_port.hpp>

#include <functional>
#include <memory>

namespace brigade::detail {

/// The two mailboxes of a channel: port n reads box n and posts to the other.
struct PortPair {
  explicit PortPair(std::size_t limit) : boxes{Mailbox(limit), Mailbox(limit)} {}
  Mailbox boxes[2];
};

/// Puts a message in. Checks everything, then commits: an error leaves the message, and every port
/// in it, as it was. `own`: the channel that it goes through, if any. Any thread.
Result<void> post_message(Mailbox& destination, const PortPair* own, Value&& message);

/// For a message that another thread gets in some other way than through a mailbox: checks
/// everything, then takes the ports in it from this thread.
Result<void> detach_ports(Value& message);

class PortCore final : public MailPump {
 public:
  PortCore(std::shared_ptr<PortPair> pair, unsigned side)
      : pair_(std::move(pair)), side_(side), close_watch_(*this) {}
  ~PortCore();

  static PortCore* of(MessagePort& port) { return port.core_.get(); }
  static MessagePort make_port(std::shared_ptr<PortPair> pair, unsigned side) {
    return MessagePort(std::make_unique<PortCore>(std::move(pair), side));
  }

  Mailbox& inbox() { return pair_->boxes[side_]; }
  Mailbox& outbox() const { return pair_->boxes[1 - side_]; }
  const std::shared_ptr<PortPair>& pair() const { return pair_; }
  unsigned side() const { return side_; }
  bool is_open() const { return !closed_; }

  void set_handler(std::shared_ptr<MessageHandler> handler);
  void start();
  void stop();
  void close();
  /// What its user has given it.
  struct Handlers {
    std::shared_ptr<MessageHandler> message;
    std::function<void(const MessageError&)> error;
    std::function<void()> close;
  };
  /// Leaves its thread. The caller destroys the handlers, holding no lock: they may own anything.
  [[nodiscard]] Handlers detach();

  void set_on_close(std::function<void()> callback);

  std::function<void(const MessageError&)> on_message_error;

 private:
  /// Looks out for the end where no message handler does.
  class CloseWatch final : public EndWatch, private detail::LoopClient {
   public:
    explicit CloseWatch(PortCore& port) : port_(port) {}
    ~CloseWatch() { stop(); }
    void start();
    void stop();

   private:
    void on_delivered() override;
    void on_loop_end() override { stop(); }
    PortCore& port_;
    bool watching_ = false;
  };

  void on_envelope(Envelope& envelope) override;
  void end();

  std::shared_ptr<PortPair> pair_;
  unsigned side_;
  bool closed_ = false;  // from here
  bool end_told_ = false;
  std::shared_ptr<MessageHandler> handler_;
  std::function<void()> on_close_;
  CloseWatch close_watch_;  // while there is an on_close_ and the pump is stopped
};

}  // namespace brigade::detail
