// `round_robin`: the primary accepts, and hands connections to workers. RoundRobin decides.
#include <fcntl.h>
#include <sys/socket.h>
#include <brigade/log.hpp>
#include <brigade/loop.hpp>

#include <cerrno>
#include <map>
#include <random>

#include "cluster/accept.hpp"
#include "cluster/offer.hpp"
#include "cluster/round_robin.hpp"
#include "cluster/scheduler.hpp"
#include "cluster/worker_process.hpp"

namespace brigade::cluster::detail {
namespace {

constexpr int hands_per_turn = 64;  // workers' messages, signals and deaths have their turn, too

/// Edge-triggered: a burst costs no epoll_ctl when no worker is free to take it.
class PassedQueue final : public Scheduler, private Watcher {
 public:
  PassedQueue(ListenSocket& socket, stats::Scoreboard& scoreboard, unsigned board)
      : socket_(socket),
        scoreboard_(scoreboard),
        board_(board),
        loop_(Loop::current()),
        timer_(*this),
        later_(*this),
        // Another than a primary's before us: what that one offered is no offer of ours.
        next_(std::random_device{}()) {
    if (!loop_.watch(socket_.fd.get(), EPOLLIN | EPOLLET, *this)) {
      throw ErrorException(Error::from_errno(errno, "watch a listening socket"));
    }
  }
  ~PassedQueue() override {
    loop_.disarm(timer_);
    loop_.unwatch(socket_.fd.get(), *this);
  }

  Result<Fd> join(WorkerProcess& worker) override {
    workers_[worker.id()] = &worker;
    robin_.join(worker.id());
    pump();
    // It never accepts from it. But a socket that is held by workers, too, outlives its primary.
    Fd copy = socket_.fd.duplicate();
    if (copy) return copy;
    return Error(EMFILE, "the primary has no file descriptors left (ulimit -n)");
  }
  void leave(WorkerProcess& worker) override {
    robin_.leave(worker.id());
    pump();
  }
  void died(WorkerProcess& worker) override {
    if (workers_.erase(worker.id()) == 0) return;
    const auto had = offered_.find(worker.id());
    const bool taken = had != offered_.end() && offer(worker).is_taken(had->second);
    if (taken) connections_.erase(had->second);
    if (had != offered_.end()) offered_.erase(had);
    robin_.died(worker.id(), taken);
    pump();
  }
  void answered(WorkerProcess& worker, std::uint32_t sequence, bool taken) override {
    if (robin_.answered(worker.id(), sequence, taken, loop_.now())) {
      offered_.erase(worker.id());
      if (taken) connections_.erase(sequence);
    }
    pump();
  }

 private:
  struct Retry final : Timer {
    explicit Retry(PassedQueue& of) : queue(of) {}
    void on_timer() override { queue.time_is_up(); }
    PassedQueue& queue;
  };
  struct Later final : brigade::detail::ReadyNode {
    explicit Later(PassedQueue& of) : queue(of) {}
    void on_ready() override { queue.pump(); }
    PassedQueue& queue;
  };

  void on_event(std::uint32_t) override {
    readable_ = true;
    pump();
  }
  void time_is_up() {
    if (paused_until_ <= loop_.now()) paused_until_ = TimePoint::min();
    robin_.wake(loop_.now());
    pump();
  }

  Offer offer(const WorkerProcess& worker) {
    return Offer(scoreboard_.slot(worker.slot()).offers[board_]);
  }

  void pump() {
    int hands = 0;
    for (; hands < hands_per_turn; ++hands) {
      if (const auto hand = robin_.next(loop_.now())) {
        send(*hand);
      } else if (const auto late = robin_.overdue(loop_.now())) {
        take_back(*late);
      } else if (!robin_.wants_connection() || !accept_one()) {
        break;
      }
    }
    if (hands == hands_per_turn && !later_.linked()) loop_.run_later(later_);
    arm();
  }
  void send(const RoundRobin::Hand& hand) {
    WorkerProcess& worker = *workers_.at(hand.worker);
    offer(worker).make(hand.connection);
    offered_[hand.worker] = hand.connection;
    Message message{MessageType::connection, hand.connection, Passed{board_}.encode(),
                    connections_.at(hand.connection).duplicate()};
    // Without a copy to send it refuses, and somebody is asked again in a while.
    worker.channel->send(std::move(message));
  }
  void take_back(const RoundRobin::Hand& late) {
    if (offer(*workers_.at(late.worker)).take_back(late.connection)) {
      robin_.taken_back(late.worker);
      offered_.erase(late.worker);
    } else {
      robin_.was_taken(late.worker);
    }
  }
  bool accept_one() {
    if (!readable_ || paused_until_ != TimePoint::min()) return false;
    Fd connection;
    switch (accept_.one(socket_.fd.get(), connection)) {
      case Accept::Outcome::one:
        connections_.emplace(next_, std::move(connection));
        robin_.arrived(next_++);
        return true;
      case Accept::Outcome::none:
        readable_ = false;
        return false;
      case Accept::Outcome::out_of_resources:
        paused_until_ = loop_.now() + Accept::pause_for;
        accept_.complain("the primary");
        return false;
    }
    return false;
  }
  void arm() {
    TimePoint at = robin_.next_time(loop_.now());
    if (paused_until_ != TimePoint::min()) at = std::min(at, paused_until_);
    if (at == TimePoint::max()) return loop_.disarm(timer_);
    if (timer_.armed() && armed_for_ <= at) return;  // it looks again when it rings
    armed_for_ = at;
    loop_.arm(timer_, at - loop_.now());
  }

  ListenSocket& socket_;
  stats::Scoreboard& scoreboard_;
  unsigned board_;
  Loop& loop_;
  Accept accept_;
  RoundRobin robin_;
  std::map<std::uint64_t, WorkerProcess*> workers_;
  std::map<std::uint32_t, Fd> connections_;         // accepted, and nobody's yet
  std::map<std::uint64_t, std::uint32_t> offered_;  // by worker
  Retry timer_;
  Later later_;
  TimePoint armed_for_{};
  TimePoint paused_until_ = TimePoint::min();
  std::uint32_t next_;
  bool readable_ = false;
};

}  // namespace

std::unique_ptr<Scheduler> make_passed_queue(ListenSocket& socket, stats::Scoreboard& scoreboard,
                                             unsigned board) {
  return std::make_unique<PassedQueue>(socket, scoreboard, board);
}

}  // namespace brigade::cluster::detail
