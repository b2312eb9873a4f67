#include <brigade/broadcast_channel.hpp>
#include <brigade/log.hpp>

#include <cerrno>
#include <stdexcept>
#include <utility>

#include "message/broadcast_group.hpp"

namespace brigade {
namespace detail {

class BroadcastCore final : public MailPump {
 public:
  BroadcastCore(const std::string& name, const BroadcastChannelOptions& options)
      : member_(options.receives ? std::make_shared<BroadcastMember>(options.max_queue) : nullptr),
        group_(BroadcastGroup::join(name, member_)) {}
  ~BroadcastCore() { close(); }

  Result<void> post_message(Value&& message) const;
  void set_handler(std::shared_ptr<MessageHandler> handler);
  void close();

  bool closed() const { return closed_; }
  const std::string& name() const { return group_->name(); }
  /// Null where nothing can come (any more).
  Mailbox* inbox() { return member_ && !closed_ ? &member_->inbox : nullptr; }
  std::uint64_t dropped() const { return member_ ? member_->dropped.load() : 0; }

  std::function<void(const MessageError&)> on_message_error;

 private:
  void on_envelope(Envelope& envelope) override;

  const std::shared_ptr<BroadcastMember> member_;  // null: only posts
  const std::shared_ptr<BroadcastGroup> group_;
  bool closed_ = false;
  std::shared_ptr<MessageHandler> handler_;
};

namespace {

Result<void> check_broadcast(Value& message) {
  if (Result<void> good = check(message); !good) return Error(EINVAL, good.error().message());
  bool travels = false;
  for_each_transferable(message, [&travels](auto&) { travels = true; });
  if (!travels) return {};
  return Error(EINVAL,
               "broadcast: the message holds a port or a descriptor, which can be sent to one "
               "receiver only; send it through a MessagePort");
}

void put(BroadcastMember& receiver, Value&& message) {
  const Mailbox::Put outcome = receiver.inbox.put(Envelope{.value = std::move(message)});
  // Closed: it has left meanwhile.
  if (outcome == Mailbox::Put::full) receiver.dropped.fetch_add(1);
}

}  // namespace

Result<void> BroadcastCore::post_message(Value&& message) const {
  if (closed_) return Error(EPIPE, "broadcast: the channel \"" + name() + "\" is closed");
  if (Result<void> good = check_broadcast(message); !good) return good.error();
  const BroadcastGroup::Members members = group_->members();
  // One behind: the last receiver gets the original.
  BroadcastMember* previous = nullptr;
  for (const auto& member : *members) {
    if (member == member_) continue;
    if (previous) {
      Result<Value> copy = message.clone();
      if (!copy) return copy.error();
      put(*previous, std::move(*copy));
    }
    previous = member.get();
  }
  Value last = std::move(message);
  if (previous) put(*previous, std::move(last));
  return {};
}

void BroadcastCore::set_handler(std::shared_ptr<MessageHandler> handler) {
  if (!inbox()) return;
  if (handler && inbox()->armed() && !started()) {
    throw std::logic_error("a channel with a message handler, and a receive() that waits, at once");
  }
  handler_ = std::move(handler);
  if (handler_) {
    MailPump::start(member_->inbox);
  } else {
    MailPump::stop();
  }
}

void BroadcastCore::close() {
  if (closed_) return;
  closed_ = true;
  MailPump::stop();
  group_->leave(member_);
  // Posts that are under way still hold the mailbox: it refuses them.
  if (member_) member_->inbox.abandon();
  handler_ = nullptr;
  on_message_error = nullptr;
}

void BroadcastCore::on_envelope(Envelope& envelope) {
  // Copies: the handler may destroy the channel.
  const std::shared_ptr<MessageHandler> handler = handler_;
  const auto on_error = on_message_error;
  const Result<void> taken = handler->handle(std::move(envelope.value));
  if (taken) return;
  if (on_error) return on_error(MessageError(taken.error()));
  log::warn("a broadcast message was dropped: {}", taken.error().message());
}

}  // namespace detail

BroadcastChannel::BroadcastChannel(std::string name, BroadcastChannelOptions options)
    : core_(std::make_unique<detail::BroadcastCore>(name, options)) {}
BroadcastChannel::BroadcastChannel(BroadcastChannel&& other) noexcept = default;
BroadcastChannel& BroadcastChannel::operator=(BroadcastChannel&& other) noexcept = default;
BroadcastChannel::~BroadcastChannel() = default;

const std::string& BroadcastChannel::name() const {
  static const std::string none;
  return core_ ? core_->name() : none;
}

BroadcastChannel::operator bool() const {
  return core_ && !core_->closed();
}

Result<void> BroadcastChannel::post_message(Value&& message) const {
  if (!core_) return Error(EPIPE, "broadcast: this channel was moved away");
  return core_->post_message(std::move(message));
}

detail::Mailbox* BroadcastChannel::mailbox() {
  return core_ ? core_->inbox() : nullptr;
}

std::optional<Value> BroadcastChannel::try_receive() {
  detail::Envelope envelope;
  if (!mailbox() || !mailbox()->take(envelope)) return std::nullopt;
  return std::move(envelope.value);
}

void BroadcastChannel::set_handler(std::shared_ptr<detail::MessageHandler> handler) {
  if (core_) core_->set_handler(std::move(handler));
}

void BroadcastChannel::on_message_error(std::function<void(const MessageError&)> handler) {
  if (core_) core_->on_message_error = std::move(handler);
}

void BroadcastChannel::close() {
  if (core_) core_->close();
}

void BroadcastChannel::ref() {
  if (core_) core_->ref();
}

void BroadcastChannel::unref() {
  if (core_) core_->unref();
}

bool BroadcastChannel::has_ref() const {
  return core_ && core_->has_ref();
}

std::size_t BroadcastChannel::waiting() const {
  detail::Mailbox* inbox = core_ ? core_->inbox() : nullptr;
  return inbox ? inbox->waiting() : 0;
}

std::uint64_t BroadcastChannel::dropped() const {
  return core_ ? core_->dropped() : 0;
}

}  // namespace brigade
