#include "cluster/sockets.hpp"

#include <fmt/format.h>
#include <brigade/log.hpp>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "cluster/worker_process.hpp"

namespace brigade::cluster::detail {
namespace {

std::string position_key(const std::string& key, const WorkerProcess& worker) {
  return fmt::format("{}!{}", key, worker.number());
}

std::string key_for(const WorkerProcess& worker, const Listen& wanted) {
  return wanted.exclusive ? position_key(wanted.key(), worker) : wanted.key();
}

bool is_stream_of_many(const Listen& wanted) {
  return wanted.kind != ListenKind::udp && !wanted.exclusive;
}

}  // namespace

Result<Sockets::Shared*> Sockets::find(const WorkerProcess& worker, const Listen& wanted) {
  const std::string key = key_for(worker, wanted);
  const auto found = sockets_.find(key);
  if (found == sockets_.end()) return open(key, wanted);
  Shared& shared = *found->second;
  const Listen& first = shared.wanted;
  const bool differs = wanted.backlog != first.backlog || wanted.ipv6_only != first.ipv6_only ||
                       wanted.mode != first.mode;
  if (differs && !std::exchange(shared.warned, true)) {
    log::warn(
        "worker {} wants {} with another backlog, mode or IPv6 setting than the worker that "
        "listened there first: it stays as the first wanted it",
        worker.id(), shared.socket.address);
  }
  return &shared;
}

Result<Sockets::Shared*> Sockets::open(const std::string& key, const Listen& wanted) {
  Scheduling scheduling = is_stream_of_many(wanted) ? scheduling_ : Scheduling::shared;
  if (scheduling == Scheduling::reuse_port && wanted.kind == ListenKind::unix_stream)
    scheduling = Scheduling::balanced;
  auto socket =
      scheduling == Scheduling::reuse_port ? listen_on_first_of_many(wanted) : listen_on(wanted);
  if (!socket) return socket.error();  // not remembered: the next to ask may be luckier
  warn_of_capped_backlog(wanted, socket->address);
  auto shared = std::make_unique<Shared>(Shared{std::move(*socket), wanted, scheduling});
  if (is_stream_of_many(wanted)) {
    auto board = board_.add_listener(std::hash<std::string>()(key) | 1);
    if (!board) return Error(ENOSPC, board.error().message());
    shared->board = *board;
  }
  shared->scheduler = make_scheduler(scheduling, shared->socket, wanted, board_, shared->board);
  return sockets_.emplace(key, std::move(shared)).first->second.get();
}

Result<Fd> Sockets::join(Shared& shared, WorkerProcess& worker, const Listen& wanted,
                         ListenReply& reply) {
  reply.text = shared.socket.address;
  reply.board = shared.board;
  reply.scheduling = shared.scheduling;
  // Without our scoreboard it cannot say what it has taken: it accepts for itself.
  if (shared.scheduling == Scheduling::round_robin && !wanted.has_board) {
    reply.scheduling = Scheduling::shared;
    reply.board = no_board;
    Fd copy = shared.socket.fd.duplicate();
    if (copy) return copy;
    return Error(EMFILE, "the primary has no file descriptors left (ulimit -n)");
  }
  auto socket = shared.scheduler->join(worker);
  if (!socket) return socket;
  // Whoever had this position before does not use it any more, unless it still drains.
  std::erase_if(shared.users, [&](const auto& user) { return user.second == worker.number(); });
  shared.users[worker.id()] = worker.number();
  return socket;
}

void Sockets::listen_for(WorkerProcess& worker, const Message& message) {
  ListenReply reply;
  Message answer{MessageType::listen_reply, message.sequence, {}, Fd()};
  const auto refuse = [&](const Error& error) {
    reply.error = error.code();
    reply.text = error.message();
  };
  const auto wanted = Listen::decode(message.body);
  if (!wanted) {
    refuse(Error(EINVAL, "the primary did not understand the request to listen"));
  } else if (auto shared = find(worker, *wanted)) {
    if (auto socket = join(**shared, worker, *wanted, reply)) {
      answer.fd = std::move(*socket);
    } else {
      refuse(socket.error());
    }
  } else {
    refuse(shared.error());
  }
  answer.body = reply.encode();
  worker.channel->send(std::move(answer));
}

void Sockets::inherit(WorkerProcess& worker, Hello::Socket socket) {
  const std::string key = key_for(worker, socket.wanted);
  auto found = sockets_.find(key);
  if (found == sockets_.end()) {
    const bool of_many = is_stream_of_many(socket.wanted);
    auto shared =
        std::make_unique<Shared>(Shared{{std::move(socket.fd), std::move(socket.address), {}},
                                        socket.wanted,
                                        of_many ? scheduling_ : Scheduling::shared});
    if (of_many) {
      if (auto board = board_.add_listener(std::hash<std::string>()(key) | 1))
        shared->board = *board;
    }
    if (socket.wanted.kind == ListenKind::unix_stream)
      shared->socket.file = SocketFile(socket.wanted.host);
    shared->scheduler =
        make_scheduler(shared->scheduling, shared->socket, shared->wanted, board_, shared->board);
    found = sockets_.emplace(key, std::move(shared)).first;
  }
  found->second->users[worker.id()] = worker.number();
  // It has what it would be given.
  if (const auto joined = found->second->scheduler->join(worker); !joined) {
    log::error("worker {} cannot be served with connections to {}: {}", worker.id(),
               found->second->socket.address, joined.error().message());
  }
}

void Sockets::unlisten(WorkerProcess& worker, const Message& message) {
  const auto given_back = Unlisten::decode(message.body);
  if (!given_back) return;
  for (auto& [key, shared] : sockets_) {
    if (key != given_back->key && key != position_key(given_back->key, worker)) continue;
    shared->scheduler->leave(worker);
    if (given_back->for_good && !worker.draining) shared->users.erase(worker.id());
  }
  close_unused();
}

void Sockets::drains(WorkerProcess& worker) {
  for (auto& [key, shared] : sockets_) shared->scheduler->leave(worker);
}

// A dead worker stays noted as a user until another of its position is one: the socket is that
// one's to be.
void Sockets::died(WorkerProcess& worker, bool position_ended) {
  for (auto& [key, shared] : sockets_) {
    shared->scheduler->died(worker);
    if (!position_ended) continue;
    shared->users.erase(worker.id());
    shared->scheduler->position_ended(worker.number());
  }
  close_unused();
}

void Sockets::stopped(WorkerProcess& worker, bool stopped) {
  for (auto& [key, shared] : sockets_) shared->scheduler->stopped(worker, stopped);
}

Sockets::Shared* Sockets::of_board(unsigned board) {
  for (auto& [key, shared] : sockets_) {
    if (shared->board == board && board != no_board) return shared.get();
  }
  return nullptr;
}

void Sockets::answered(WorkerProcess& worker, const Message& message) {
  const auto reply = PassedReply::decode(message.body);
  if (!reply) return;
  if (Shared* shared = of_board(reply->board))
    shared->scheduler->answered(worker, message.sequence, reply->taken);
}

void Sockets::stood_in(WorkerProcess& worker, const Message& message) {
  const auto reply = StandIn::decode(message.body);
  if (!reply) return;
  if (Shared* shared = of_board(reply->board)) shared->scheduler->stood_in(worker, reply->position);
}

void Sockets::close_unused() {
  std::erase_if(sockets_, [this](const auto& entry) {
    const Shared& shared = *entry.second;
    if (!shared.users.empty()) return false;
    if (shared.board != no_board) board_.remove_listener(shared.board);
    return true;
  });
}

std::vector<std::string> Sockets::addresses() const {
  std::vector<std::string> out;
  for (const auto& [key, shared] : sockets_) out.push_back(shared->socket.address);
  return out;
}

}  // namespace brigade::cluster::detail
