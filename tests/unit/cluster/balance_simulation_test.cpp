// Workers on one accept queue, with the kernel's part played: a connection wakes the most recent
// sleeper that is registered, and nobody else. The decisions and the shared mask are the real ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "cluster/balance.hpp"
#include "stats/slot.hpp"

namespace brigade::cluster::detail {
namespace {

using Ns = std::uint64_t;
constexpr Ns us = 1'000;
constexpr Ns ms = 1'000'000;
constexpr Ns recheck_every = slowest_recheck.count();  // the worst of its waits
constexpr Ns accept_cost = 15 * us;
constexpr int accepts_per_turn = 16;

class Simulation {
 public:
  Simulation(unsigned workers, unsigned seed) : random_(seed), workers_(workers) {
    for (unsigned n = 0; n < workers; ++n) {
      board_->join(n);
      sleepers_.push_back(n);
    }
  }

  /// Connections, one about every `gap`, each open for about `life`.
  void arrive(unsigned count, Ns gap, Ns life) {
    Ns at = now_;
    for (unsigned i = 0; i < count; ++i) {
      at += gap / 2 + random_() % gap;
      schedule(at, [this, life] {
        queue_.push_back({now_, life / 2 + random_() % life});
        wake_one();
      });
    }
    arrivals_end_ = std::max(arrivals_end_, at);
  }
  void stop_at(Ns at, unsigned n) {
    schedule(at, [this, n] {
      workers_[n].stopped = true;
      std::erase(sleepers_, n);
    });
  }
  /// One turn of worker `n` takes as long as `duration`.
  void block_at(Ns at, unsigned n, Ns duration) {
    schedule(at, [this, n, duration] { begin_turn(n, duration); });
  }

  /// Until all arrivals have come and 50 ms more.
  void run() {
    schedule(arrivals_end_ + 50 * ms, [this] { done_ = true; });
    while (!done_) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      (*event.action)();
    }
  }

  Ns longest_wait() const { return longest_wait_; }
  std::size_t unserved() const { return queue_.size(); }
  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t connections(unsigned n) const { return workers_[n].connections; }
  double max_over_mean(const std::vector<unsigned>& of) const {
    std::uint64_t most = 0;
    std::uint64_t sum = 0;
    for (const unsigned n : of) {
      most = std::max(most, workers_[n].connections);
      sum += workers_[n].connections;
    }
    return static_cast<double>(most) * static_cast<double>(of.size()) / static_cast<double>(sum);
  }

 private:
  struct Waiting {
    Ns since;
    Ns life;
  };
  struct Worker {
    bool in_set = true;
    bool stopped = false;
    bool asleep = true;
    bool wants_recheck = false;  // its timer fired while it was busy
    Ns busy_since = 0;
    std::uint64_t connections = 0;
  };
  struct Event {
    Ns at;
    std::uint64_t order;
    std::shared_ptr<std::function<void()>> action;
    bool operator<(const Event& other) const {
      return std::tie(other.at, other.order) < std::tie(at, order);
    }
  };

  void schedule(Ns at, std::function<void()> action) {
    events_.push({at, order_++, std::make_shared<std::function<void()>>(std::move(action))});
  }

  bool fresh(unsigned n) const {
    return is_fresh(true, workers_[n].stopped, workers_[n].busy_since, now_);
  }
  Crowd crowd(unsigned self) const {
    Crowd out{workers_[self].connections, workers_[self].connections, 1};
    for (unsigned n = 0; n < workers_.size(); ++n) {
      if (n == self || !fresh(n)) continue;
      out.total += workers_[n].connections;
      ++out.workers;
    }
    return out;
  }

  void wake_one() {
    for (auto sleeper = sleepers_.rbegin(); sleeper != sleepers_.rend(); ++sleeper) {
      if (workers_[*sleeper].in_set) return begin_turn(*sleeper, 20 * us);
    }
  }
  void begin_turn(unsigned n, Ns cost) {
    Worker& worker = workers_[n];
    if (worker.stopped || !worker.asleep) return;
    worker.asleep = false;
    worker.busy_since = now_;
    std::erase(sleepers_, n);
    if (worker.in_set) cost += accept_some(n);
    schedule(now_ + cost, [this, n] { end_turn(n); });
  }
  Ns accept_some(unsigned n) {
    const unsigned nobody = static_cast<unsigned>(workers_.size());
    Ns cost = 0;
    for (int count = 0; count < accepts_per_turn && !queue_.empty(); ++count) {
      accept_one(n);
      cost += accept_cost;
      if (!should_leave(crowd(n)) ||
          !board_->leave_if_served(n, nobody, [this](unsigned other) { return fresh(other); })) {
        continue;
      }
      workers_[n].in_set = false;
      for (; !queue_.empty(); cost += accept_cost) accept_one(n);
      schedule(now_ + recheck_every, [this, n] { recheck(n); });
      break;
    }
    return cost;
  }
  void accept_one(unsigned n) {
    longest_wait_ = std::max(longest_wait_, now_ - queue_.front().since);
    ++accepted_;
    ++workers_[n].connections;
    schedule(now_ + queue_.front().life, [this, n] { --workers_[n].connections; });
    queue_.pop_front();
  }
  void end_turn(unsigned n) {
    Worker& worker = workers_[n];
    worker.busy_since = 0;
    worker.asleep = true;
    if (worker.stopped) return;
    if (std::exchange(worker.wants_recheck, false)) recheck(n);
    sleepers_.push_back(n);
    if (worker.in_set && !queue_.empty()) begin_turn(n, 20 * us);  // level-triggered
  }
  void recheck(unsigned n) {
    Worker& worker = workers_[n];
    if (worker.stopped || worker.in_set) return;
    if (!worker.asleep) {
      worker.wants_recheck = true;
      return;
    }
    bool served = false;
    for (unsigned other = 0; other < workers_.size(); ++other) {
      served = served || (other != n && board_->is_listed(other) && fresh(other));
    }
    if (served && !should_return(crowd(n))) {
      return schedule(now_ + recheck_every, [this, n] { recheck(n); });
    }
    worker.in_set = true;
    board_->join(n);
    if (!queue_.empty()) begin_turn(n, 20 * us);
  }

  std::mt19937_64 random_;
  std::vector<Worker> workers_;
  std::unique_ptr<stats::ListenerBoard> board_ = std::make_unique<stats::ListenerBoard>();
  std::vector<unsigned> sleepers_;  // the most recent last
  std::deque<Waiting> queue_;
  std::priority_queue<Event> events_;
  std::uint64_t order_ = 0;
  Ns now_ = 1'000 * ms;
  Ns arrivals_end_ = 0;
  Ns longest_wait_ = 0;
  std::uint64_t accepted_ = 0;
  bool done_ = false;
};

// A listed worker that falls asleep at the wheel right after the others left is noticed at their
// next recheck, and then a turn goes by.
constexpr Ns bound = recheck_every + 2 * ms;

class BalanceSimulation : public testing::TestWithParam<unsigned> {};

TEST_P(BalanceSimulation, SpreadsLongConnectionsEvenly) {
  Simulation simulation(4, GetParam());
  simulation.arrive(800, 1 * ms, 3'600'000 * ms);
  simulation.run();
  EXPECT_EQ(simulation.unserved(), 0U);
  EXPECT_LE(simulation.max_over_mean({0, 1, 2, 3}), 1.3);
}

TEST_P(BalanceSimulation, ServesShortConnectionsAtOnce) {
  Simulation simulation(4, GetParam());
  simulation.arrive(5000, 100 * us, 2 * ms);
  simulation.run();
  EXPECT_EQ(simulation.accepted(), 5000U);
  EXPECT_LE(simulation.longest_wait(), 2 * ms);
}

TEST_P(BalanceSimulation, LetsNoConnectionWaitForAStoppedOrABlockedWorker) {
  Simulation simulation(4, GetParam());
  simulation.stop_at(1'100 * ms, 0);
  simulation.block_at(1'150 * ms, 1, 300 * ms);
  simulation.arrive(600, 1 * ms, 3'600'000 * ms);
  simulation.arrive(600, 1 * ms, 5 * ms);
  simulation.run();
  EXPECT_EQ(simulation.unserved(), 0U);
  EXPECT_EQ(simulation.accepted(), 1200U);
  EXPECT_LE(simulation.longest_wait(), bound);
  EXPECT_LE(simulation.max_over_mean({2, 3}), 1.3);
}

TEST_P(BalanceSimulation, LeavesNothingWaitingWhenTheLastListedWorkerStops) {
  Simulation simulation(2, GetParam());
  simulation.arrive(300, 1 * ms, 3'600'000 * ms);
  simulation.stop_at(1'120 * ms, GetParam() % 2);
  simulation.run();
  EXPECT_EQ(simulation.unserved(), 0U);
  EXPECT_LE(simulation.longest_wait(), bound);
}

INSTANTIATE_TEST_SUITE_P(Seeds, BalanceSimulation, testing::Range(0U, 20U));

}  // namespace
}  // namespace brigade::cluster::detail
