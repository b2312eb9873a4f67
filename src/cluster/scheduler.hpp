// How the connections of one address reach the workers: the primary's side of it.
//
// What is decided stands in files of its own, without I/O: balance.hpp (by the workers themselves),
// round_robin.hpp, reuse_port_plan.hpp. Here is what carries it out.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>
#include <brigade/scheduling.hpp>

#include <memory>

#include "cluster/listen_socket.hpp"
#include "stats/scoreboard.hpp"

namespace brigade::cluster::detail {

class WorkerProcess;

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  /// A worker comes to serve here: what it accepts from.
  virtual Result<Fd> join(WorkerProcess& worker) = 0;
  /// It takes no more: the program closed it there, or it drains.
  virtual void leave(WorkerProcess&) {}
  /// It is dead, and its object goes.
  virtual void died(WorkerProcess&) {}
  /// The kernel says that it was stopped, or goes on.
  virtual void stopped(WorkerProcess&, bool) {}
  /// This position is filled no more.
  virtual void position_ended(std::uint32_t) {}
  /// A worker's answer to a connection that was handed to it.
  virtual void answered(WorkerProcess&, std::uint32_t, bool) {}
  /// A stand-in has closed the socket of an ended position.
  virtual void stood_in(WorkerProcess&, std::uint32_t) {}
};

/// `board` is where workers and primary agree on who has taken what. `socket` is the first (or the
/// only) one.
std::unique_ptr<Scheduler> make_scheduler(Scheduling scheduling, ListenSocket& socket,
                                          const Listen& wanted, stats::Scoreboard& scoreboard,
                                          unsigned board);

// One of each, in files of their own.
std::unique_ptr<Scheduler> make_shared_queue(ListenSocket& socket);
std::unique_ptr<Scheduler> make_passed_queue(ListenSocket& socket, stats::Scoreboard& scoreboard,
                                             unsigned board);
std::unique_ptr<Scheduler> make_socket_per_position(ListenSocket& socket, const Listen& wanted,
                                                    unsigned board);

}  // namespace brigade::cluster::detail
