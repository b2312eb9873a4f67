// `reuse_port`: a socket for each position, made and kept by the primary. ReusePortPlan decides.
#include <linux/filter.h>
#include <sys/socket.h>
#include <brigade/log.hpp>
#include <brigade/loop.hpp>

#include <cerrno>
#include <map>
#include <set>
#include <vector>

#include "cluster/reuse_port_plan.hpp"
#include "cluster/scheduler.hpp"
#include "cluster/worker_process.hpp"

namespace brigade::cluster::detail {
namespace {

/// How long the socket of an ended position is still served: handshakes that had begun before the
/// kernel passed it over come to their end.
constexpr Duration closing_time = std::chrono::seconds(1);

// Any socket of the group speaks for all of them.
void steer(int socket, const std::vector<unsigned>& indexes) {
  if (indexes.empty()) {
    const int none = 0;
    ::setsockopt(socket, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &none, sizeof none);
    return;
  }
  const auto count = static_cast<std::uint32_t>(indexes.size());
  std::vector<sock_filter> code{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count)};
  for (std::uint32_t n = 0; n < count; ++n) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, n, 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, indexes[n]));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, indexes[0]));
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0) {
    log::warn("new connections cannot be kept from a position without a worker: {}",
              Error::from_errno(errno, "SO_ATTACH_REUSEPORT_CBPF").message());
  }
}

class SocketPerPosition final : public Scheduler {
 public:
  SocketPerPosition(ListenSocket& first, const Listen& wanted, unsigned board)
      : first_(first), wanted_(wanted), board_(board), closing_(*this) {
    wanted_.port = port_of(first.address);
  }
  ~SocketPerPosition() override { Loop::current().disarm(closing_); }

  Result<Fd> join(WorkerProcess& worker) override {
    const std::uint32_t position = worker.number();
    if (!plan_.has(position)) {
      auto socket = next_socket();
      if (!socket) return socket.error();
      sockets_[position] = std::move(*socket);
      plan_.add(position);
    }
    Fd copy = sockets_[position].duplicate();
    if (!copy) return Error(EMFILE, "the primary has no file descriptors left (ulimit -n)");
    workers_[worker.id()] = &worker;
    plan_.join(position, worker.id());
    apply();
    return copy;
  }
  void leave(WorkerProcess& worker) override {
    plan_.leave(worker.id());
    apply();
  }
  void died(WorkerProcess& worker) override {
    workers_.erase(worker.id());
    plan_.leave(worker.id());
    apply();
  }
  void stopped(WorkerProcess& worker, bool stopped) override {
    plan_.stopped(worker.id(), stopped);
    apply();
  }
  void position_ended(std::uint32_t position) override {
    if (!plan_.has(position)) return;
    plan_.end(position);
    apply();
    if (!closing_.armed()) Loop::current().arm(closing_, closing_time);
  }
  void stood_in(WorkerProcess& worker, std::uint32_t position) override {
    if (!closing_now_.contains(position) || plan_.stand_in(position) != worker.id()) return;
    close(position);
  }

 private:
  struct Closing final : Timer {
    explicit Closing(SocketPerPosition& of) : sockets(of) {}
    void on_timer() override { sockets.close_ended(); }
    SocketPerPosition& sockets;
  };

  Result<Fd> next_socket() {
    if (first_.fd) return std::move(first_.fd);
    auto socket = listen_on(wanted_, true);
    if (!socket) return socket.error();
    return std::move(socket->fd);
  }

  void apply() {
    if (sockets_.empty()) return;
    const auto steer_to = plan_.steer_to();
    if (steer_to != steered_to_) steer(sockets_.begin()->second.get(), steer_to);
    steered_to_ = steer_to;
    for (const ReusePortPlan::Change& change : plan_.assign()) {
      if (change.before) tell(*change.before, MessageType::stand_down, change.position, Fd());
      if (!change.after) continue;
      tell(*change.after, MessageType::stand_in, change.position,
           sockets_[change.position].duplicate());
      if (closing_now_.contains(change.position))
        tell(*change.after, MessageType::stand_down, change.position, Fd());
    }
  }
  void tell(std::uint64_t id, MessageType type, std::uint32_t position, Fd socket) {
    const auto found = workers_.find(id);
    if (found == workers_.end()) return;
    found->second->channel->send({type, 0, StandIn{board_, position}.encode(), std::move(socket)});
  }

  void close_ended() {
    std::vector<std::uint32_t> ended;
    for (const auto& [position, socket] : sockets_) {
      if (plan_.has_ended(position)) ended.push_back(position);
    }
    for (const std::uint32_t position : ended) {
      const auto stand_in = plan_.stand_in(position);
      if (!stand_in) {  // nobody is there who could take what waits
        close(position);
        continue;
      }
      closing_now_.insert(position);
      tell(*stand_in, MessageType::stand_down, position, Fd());
    }
  }
  void close(std::uint32_t position) {
    closing_now_.erase(position);
    sockets_.erase(position);
    plan_.remove(position);
    steered_to_.clear();
    if (!sockets_.empty()) {
      steered_to_ = plan_.steer_to();
      steer(sockets_.begin()->second.get(), steered_to_);
    }
  }
  ListenSocket& first_;  // its descriptor becomes the first position's
  Listen wanted_;
  unsigned board_;
  std::map<std::uint32_t, Fd> sockets_;  // by position
  std::map<std::uint64_t, WorkerProcess*> workers_;
  ReusePortPlan plan_;
  std::vector<unsigned> steered_to_;
  std::set<std::uint32_t> closing_now_;  // ended, and their stand-in is told to close
  Closing closing_;
};

}  // namespace

std::unique_ptr<Scheduler> make_socket_per_position(ListenSocket& socket, const Listen& wanted,
                                                    unsigned board) {
  return std::make_unique<SocketPerPosition>(socket, wanted, board);
}

}  // namespace brigade::cluster::detail
