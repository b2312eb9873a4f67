// Round robin, the decision: which worker gets the next connection.
//
// A worker has at most one connection that it has not answered for, so one that is busy or stopped
// holds up that one alone, and not for long: when its time is up and another worker is free, the
// connection is taken back (if the worker has not taken it that very moment) and given to the
// other. Whoever answers goes to the end of the line. As connections are only accepted for a worker
// that is free, what waits here is what was taken back: never more than there are workers. All
// others wait in the kernel's queue.
#pragma once

#include <brigade/time.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

namespace brigade::cluster::detail {

class RoundRobin {
 public:
  using WorkerId = std::uint64_t;
  using ConnectionId = std::uint32_t;
  struct Hand {
    WorkerId worker;
    ConnectionId connection;
  };

  /// A worker answers within this time, or its connection may go to another.
  static constexpr Duration answer_time = std::chrono::milliseconds(10);
  /// One that refused (it is full) is not asked again before.
  static constexpr Duration rest_time = std::chrono::milliseconds(100);

  void join(WorkerId id) {
    const auto [found, is_new] = workers_.try_emplace(id);
    if (is_new) free_.push_back(id);
    found->second.leaving = false;  // it came back before its last answer
  }
  /// It is given no more; what it has been given it may still answer for.
  void leave(WorkerId id) {
    const auto found = workers_.find(id);
    if (found == workers_.end()) return;
    std::erase(free_, id);
    found->second.leaving = true;
    forget_if_left(id);
  }
  /// `taken`: it had accepted what it was given, and that died with it. Otherwise another gets it.
  void died(WorkerId id, bool taken) {
    const auto found = workers_.find(id);
    if (found == workers_.end()) return;
    std::erase(free_, id);
    if (found->second.offered && !taken) waiting_.push_front(*found->second.offered);
    workers_.erase(found);
  }

  /// Whether to accept one more.
  bool wants_connection() const { return free_.size() > waiting_.size(); }
  void arrived(ConnectionId connection) { waiting_.push_back(connection); }

  /// What to hand over next.
  std::optional<Hand> next(TimePoint now) {
    if (waiting_.empty() || free_.empty()) return std::nullopt;
    const Hand out{free_.front(), waiting_.front()};
    free_.pop_front();
    waiting_.pop_front();
    workers_[out.worker].offered = out.connection;
    workers_[out.worker].until = now + answer_time;
    return out;
  }

  /// The answer to a connection that may have been taken back meanwhile. True when it was the
  /// worker's still, and is now done with or, refused, to be handed to another.
  bool answered(WorkerId id, ConnectionId connection, bool taken, TimePoint now) {
    const auto found = workers_.find(id);
    if (found == workers_.end()) return false;
    Worker& worker = found->second;
    const bool its_own = worker.offered == connection;
    if (!its_own && worker.taken_back != connection) return false;  // nonsense
    if (its_own && !taken) {
      waiting_.push_front(connection);
      worker.resting = true;
      worker.until = now + rest_time;
    }
    worker.offered.reset();
    worker.taken_back.reset();
    if (!worker.resting && !worker.leaving) free_.push_back(id);
    forget_if_left(id);
    return its_own;
  }

  /// One whose time is up, while another could have its connection.
  std::optional<Hand> overdue(TimePoint now) const {
    if (free_.size() <= waiting_.size()) return std::nullopt;
    for (const auto& [id, worker] : workers_) {
      if (worker.offered && worker.until <= now) return Hand{id, *worker.offered};
    }
    return std::nullopt;
  }
  /// That worker has not taken it and will not.
  void taken_back(WorkerId id) {
    Worker& worker = workers_.at(id);
    waiting_.push_front(*worker.offered);
    worker.taken_back = worker.offered;
    worker.offered.reset();
  }
  /// It has just taken it: its answer is on the way.
  void was_taken(WorkerId id) { workers_.at(id).until = TimePoint::max(); }

  /// Those that have rested are free again.
  void wake(TimePoint now) {
    for (auto& [id, worker] : workers_) {
      if (!worker.resting || worker.until > now) continue;
      worker.resting = false;
      if (!worker.leaving) free_.push_back(id);
    }
  }
  /// When wake() or overdue() will next have something new to say; max: not before something
  /// happens.
  TimePoint next_time(TimePoint now) const {
    TimePoint out = TimePoint::max();
    for (const auto& [id, worker] : workers_) {
      if ((worker.offered || worker.resting) && worker.until > now)
        out = std::min(out, worker.until);
    }
    return out;
  }

  std::size_t waiting() const { return waiting_.size(); }
  std::size_t free_workers() const { return free_.size(); }

 private:
  struct Worker {
    std::optional<ConnectionId> offered;
    std::optional<ConnectionId> taken_back;  // its answer to that is still to come
    TimePoint until{};                       // of what was offered, or of its rest
    bool resting = false;
    bool leaving = false;
  };

  void forget_if_left(WorkerId id) {
    const Worker& worker = workers_.at(id);
    if (worker.leaving && !worker.offered && !worker.taken_back) workers_.erase(id);
  }

  std::map<WorkerId, Worker> workers_;
  std::deque<WorkerId> free_;  // the one that has waited longest first
  std::deque<ConnectionId> waiting_;
};

}  // namespace brigade::cluster::detail
