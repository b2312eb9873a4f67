// The sockets that workers serve on.
//
// A socket belongs to positions, not to processes: it stays when a worker dies or drains, and is
// closed when the program has closed it in every worker, or when the last position that used it has
// ended.
#include <fmt/format.h>
#include <brigade/log.hpp>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "cluster/primary_core.hpp"

namespace brigade::cluster::detail {
namespace {

std::string key_for(const WorkerProcess& worker, const Listen& wanted) {
  std::string out = wanted.key();
  if (wanted.exclusive) out += fmt::format("!{}", worker.number());
  return out;
}

}  // namespace

Result<SharedSocket*> PrimaryCore::socket_for(const WorkerProcess& worker, const Listen& wanted) {
  const std::string key = key_for(worker, wanted);
  if (const auto found = sockets_.find(key); found != sockets_.end()) {
    SharedSocket& shared = found->second;
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
  auto socket = listen_on(wanted);
  if (!socket) return socket.error();  // not remembered: the next to ask may be luckier
  warn_of_capped_backlog(wanted, socket->address);
  SharedSocket shared{std::move(*socket), wanted};
  if (wanted.kind != ListenKind::udp && !wanted.exclusive) {
    auto board = board_.add_listener(std::hash<std::string>()(key) | 1);
    if (!board) return Error(ENOSPC, board.error().message());
    shared.board = *board;
  }
  return &sockets_.emplace(key, std::move(shared)).first->second;
}

void PrimaryCore::listen_for(WorkerProcess& worker, const Message& message) {
  ListenReply reply;
  Message answer{MessageType::listen_reply, message.sequence, {}, Fd()};
  const auto wanted = Listen::decode(message.body);
  if (!wanted) {
    reply.error = EINVAL;
    reply.text = "the primary did not understand the request to listen";
  } else if (auto shared = socket_for(worker, *wanted)) {
    // Whoever had this position before does not use it any more, unless it still drains.
    std::erase_if((*shared)->users, [&](const auto& user) {
      const auto found = workers_.find(user.first);
      return user.second == worker.number() && (found == workers_.end() || found->second->exit);
    });
    (*shared)->users[worker.id()] = worker.number();
    reply.text = (*shared)->socket.address;
    reply.board = (*shared)->board;
    answer.fd = (*shared)->socket.fd.duplicate();
    if (!answer.fd) {
      reply.error = EMFILE;
      reply.text = "the primary has no file descriptors left (ulimit -n)";
    }
  } else {
    reply.error = shared.error().code();
    reply.text = shared.error().message();
  }
  answer.body = reply.encode();
  worker.channel->send(std::move(answer));
}

void PrimaryCore::unlisten(WorkerProcess& worker, const Message& message) {
  const auto given_back = Unlisten::decode(message.body);
  if (!given_back || !given_back->for_good || worker.draining) return;
  for (auto& [key, shared] : sockets_) {
    if (shared.wanted.key() == given_back->key) shared.users.erase(worker.id());
  }
  close_unused_sockets();
}

// A dead worker stays noted as a user until another of its position is one: the socket is that
// one's to be.
void PrimaryCore::no_longer_uses(const WorkerProcess& worker, bool position_ended) {
  for (auto& [key, shared] : sockets_) {
    const auto others =
        std::count_if(shared.users.begin(), shared.users.end(), [&](const auto& user) {
          return user.second == worker.number() && user.first != worker.id();
        });
    if (position_ended || others > 0) shared.users.erase(worker.id());
  }
  close_unused_sockets();
}

void PrimaryCore::close_unused_sockets() {
  std::erase_if(sockets_, [this](const auto& entry) {
    const SharedSocket& shared = entry.second;
    if (!shared.users.empty()) return false;
    if (shared.wanted.kind != ListenKind::udp && !shared.wanted.exclusive)
      board_.remove_listener(shared.board);
    return true;
  });
}

}  // namespace brigade::cluster::detail
