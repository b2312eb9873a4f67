// The sockets that workers serve on, as the primary holds them.
//
// A socket belongs to positions, not to processes: it stays when a worker dies or drains, and is
// closed when the program has closed it in every worker, or when the last position that used it has
// ended.
#pragma once

#include <brigade/scheduling.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/listen_socket.hpp"
#include "cluster/message.hpp"
#include "cluster/rejoin.hpp"
#include "cluster/scheduler.hpp"

namespace brigade::cluster::detail {

class Sockets {
 public:
  Sockets(Scheduling scheduling, stats::Scoreboard& board)
      : scheduling_(scheduling), board_(board) {}

  /// Answers a worker's request.
  void listen_for(WorkerProcess& worker, const Message& message);
  /// A socket that it has from the primary before us.
  void inherit(WorkerProcess& worker, Hello::Socket socket);
  /// It takes no more there.
  void unlisten(WorkerProcess& worker, const Message& message);
  /// It takes no more anywhere.
  void drains(WorkerProcess& worker);
  /// `position_ended`: nobody will fill its position again.
  void died(WorkerProcess& worker, bool position_ended);
  void stopped(WorkerProcess& worker, bool stopped);
  /// Its answer to what it was handed.
  void answered(WorkerProcess& worker, const Message& message);
  void stood_in(WorkerProcess& worker, const Message& message);
  /// As bound, of all that are open.
  std::vector<std::string> addresses() const;

 private:
  struct Shared {
    ListenSocket socket;
    Listen wanted;  // by the first who asked
    Scheduling scheduling;
    unsigned board = no_board;
    std::map<std::uint64_t, std::uint32_t> users = {};  // worker id → position
    bool warned = false;                                // that a later one wanted something else
    std::unique_ptr<Scheduler> scheduler = {};          // refers to `socket`
  };

  Result<Shared*> find(const WorkerProcess& worker, const Listen& wanted);
  Result<Shared*> open(const std::string& key, const Listen& wanted);
  Result<Fd> join(Shared& shared, WorkerProcess& worker, const Listen& wanted, ListenReply& reply);
  Shared* of_board(unsigned board);
  void close_unused();

  const Scheduling scheduling_;
  stats::Scoreboard& board_;
  std::map<std::string, std::unique_ptr<Shared>> sockets_;
};

}  // namespace brigade::cluster::detail
