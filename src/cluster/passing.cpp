#include "cluster/passing.hpp"

#include <algorithm>

#include "cluster/rendezvous.hpp"
#include "cluster/worker_process.hpp"

namespace brigade::cluster::detail {

void Passing::part(WorkerProcess& from, const Message& message) {
  std::string& bytes = parts_[from.id()];
  // (A worker of ours never sends more.)
  if (bytes.size() + message.body.size() <= most_passed_bytes) bytes += message.body;
}

void Passing::pass(WorkerProcess& from, Message message) {
  std::string bytes = std::move(parts_[from.id()]);
  parts_.erase(from.id());
  auto order = PassOn::decode(message.body);
  if (!order || !message.fd) return;
  const std::uint32_t sequence = next_++;
  Connection connection{std::move(message.fd), std::move(bytes), std::move(*order)};
  offer(sequence, connections_.emplace(sequence, std::move(connection)).first->second);
}

WorkerProcess* Passing::choose(const Connection& connection) const {
  std::map<std::uint64_t, long> unanswered;
  for (const auto& [sequence, other] : connections_) ++unanswered[other.with];
  WorkerProcess* best = nullptr;
  Rendezvous among_others(connection.order.key);
  for (WorkerProcess* worker : serving_()) {
    if (connection.tried.contains(worker->id()) || unanswered[worker->id()] >= most_unanswered)
      continue;
    if (worker->number() == connection.order.position) return worker;
    among_others.consider(worker->number());
    if (among_others.best() == worker->number()) best = worker;
  }
  return best;
}

void Passing::offer(std::uint32_t sequence, Connection& connection) {
  connection.with = 0;
  WorkerProcess* const to = choose(connection);
  if (!to) {  // nobody is left to serve it
    connections_.erase(sequence);
    return;
  }
  connection.with = to->id();
  connection.tried.insert(to->id());
  send_connection(sequence, connection.order, connection.bytes, connection.socket.duplicate(),
                  [to](Message message) { to->channel->send(std::move(message)); });
}

void Passing::answered(WorkerProcess& worker, const Message& message) {
  const auto reply = PassedReply::decode(message.body);
  const auto found = connections_.find(message.sequence);
  if (!reply || found == connections_.end() || found->second.with != worker.id()) return;
  if (reply->taken) {
    connections_.erase(found);
  } else {
    offer(found->first, found->second);
  }
}

void Passing::died(WorkerProcess& worker) {
  parts_.erase(worker.id());
  std::vector<std::uint32_t> its;
  for (const auto& [sequence, connection] : connections_) {
    if (connection.with == worker.id()) its.push_back(sequence);
  }
  for (const std::uint32_t sequence : its) offer(sequence, connections_.at(sequence));
}

}  // namespace brigade::cluster::detail
