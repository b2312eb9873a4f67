// Live connections on their way from one worker to another, with the bytes that were read already.
//
// The primary keeps a connection until a worker has said that it took it. When that worker dies
// first, refuses, or has too many unanswered already, another gets it, in the end the one that it
// came from.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cluster/message.hpp"

namespace brigade::cluster::detail {

class WorkerProcess;

/// A connection with more input than that stays where it is.
inline constexpr std::size_t most_passed_bytes = 64 << 10;

class Passing {
 public:
  /// `serving` tells which workers could take a connection now.
  explicit Passing(std::function<std::vector<WorkerProcess*>()> serving)
      : serving_(std::move(serving)) {}

  /// The bytes of the connection that follows.
  void part(WorkerProcess& from, const Message& message);
  void pass(WorkerProcess& from, Message message);
  void answered(WorkerProcess& worker, const Message& message);
  void died(WorkerProcess& worker);

 private:
  struct Connection {
    Fd socket;
    std::string bytes;
    PassOn order;
    std::uint64_t with = 0;  // the worker that was asked
    std::set<std::uint64_t> tried = {};
  };

  static constexpr long most_unanswered = 64;  // of one worker

  void offer(std::uint32_t sequence, Connection& connection);
  WorkerProcess* choose(const Connection& connection) const;

  std::function<std::vector<WorkerProcess*>()> serving_;
  std::map<std::uint64_t, std::string> parts_;  // by worker
  std::map<std::uint32_t, Connection> connections_;
  std::uint32_t next_ = 1;
};

/// The frames of one connection: its bytes, then itself.
template <class Send>
void send_connection(std::uint32_t sequence, const PassOn& order, std::string_view bytes, Fd socket,
                     Send send) {
  constexpr std::size_t part_size = max_frame - 64;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), part_size)))
    send(Message{MessageType::pass_part, sequence, std::string(bytes.substr(0, part_size)), Fd()});
  send(Message{MessageType::pass_on, sequence, order.encode(), std::move(socket)});
}

}  // namespace brigade::cluster::detail
