// Process, the part that passes live connections to other workers and takes theirs.
#include "cluster/own_slot.hpp"
#include "cluster/passing.hpp"
#include "cluster/process.hpp"
#include "cluster/rendezvous.hpp"
#include "cluster/role.hpp"

namespace brigade::cluster::detail {
namespace {
constexpr std::size_t most_queued = 128;
}

std::optional<std::uint32_t> Process::elsewhere(std::uint64_t key) const {
  const OwnSlot& own = own_slot();
  if (!channel_ || !channel_->open() || !own.is_primarys || draining_) return std::nullopt;
  // The primary does not keep up: serving it here is better than adding to that.
  if (channel_->queued() > most_queued) return std::nullopt;
  Rendezvous rendezvous(key);
  for (unsigned slot = 0; slot < own.board.slots(); ++slot) {
    const stats::Entry& entry = own.board.entry(slot);
    const bool serves = entry.id.load(std::memory_order_relaxed) != 0 &&
                        entry.state() == stats::WorkerState::listening && entry.stopped.get() == 0;
    if (serves) rendezvous.consider(entry.number.get());
  }
  return rendezvous.best() == role().number ? std::nullopt : rendezvous.best();
}

void Process::pass_on(const PassOn& order, std::string_view bytes, Fd connection) {
  send_connection(0, order, bytes, std::move(connection),
                  [this](Message message) { channel_->send(std::move(message)); });
}

void Process::adopt(Message message) {
  const std::string bytes = std::exchange(parts_, {});
  const auto order = PassOn::decode(message.body);
  if (!order) return;
  const auto found = adopters_.find(order->server);
  const bool taken =
      message.fd && found != adopters_.end() && found->second->adopt(message.fd, order->key, bytes);
  channel_->send({MessageType::pass_reply, message.sequence, PassedReply{0, taken}.encode(), Fd()});
}

}  // namespace brigade::cluster::detail
