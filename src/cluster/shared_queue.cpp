// `balanced` and `shared`: one queue, and the workers accept from it. Who takes part when is their
// own affair (listener.hpp).
#include <cerrno>

#include "cluster/scheduler.hpp"

namespace brigade::cluster::detail {
namespace {

class SharedQueue final : public Scheduler {
 public:
  explicit SharedQueue(ListenSocket& socket) : socket_(socket) {}
  Result<Fd> join(WorkerProcess&) override {
    Fd copy = socket_.fd.duplicate();
    if (copy) return copy;
    return Error(EMFILE, "the primary has no file descriptors left (ulimit -n)");
  }

 private:
  ListenSocket& socket_;
};

}  // namespace

std::unique_ptr<Scheduler> make_shared_queue(ListenSocket& socket) {
  return std::make_unique<SharedQueue>(socket);
}

std::unique_ptr<Scheduler> make_scheduler(Scheduling scheduling, ListenSocket& socket,
                                          const Listen& wanted, stats::Scoreboard& scoreboard,
                                          unsigned board) {
  switch (scheduling) {
    case Scheduling::round_robin:
      return make_passed_queue(socket, scoreboard, board);
    case Scheduling::reuse_port:
      return make_socket_per_position(socket, wanted, board);
    case Scheduling::balanced:
    case Scheduling::shared:
      break;
  }
  return make_shared_queue(socket);
}

}  // namespace brigade::cluster::detail
