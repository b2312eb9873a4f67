#include "cluster/round_robin.hpp"

#include <gtest/gtest.h>

#include <map>
#include <queue>
#include <random>
#include <set>
#include <vector>

namespace brigade::cluster::detail {
namespace {

constexpr TimePoint start{std::chrono::seconds(100)};
constexpr Duration ms = std::chrono::milliseconds(1);

class RoundRobinTest : public testing::Test {
 protected:
  // Which worker gets the next connection; 0: none.
  std::uint64_t connect() {
    if (!robin.wants_connection()) return 0;
    robin.arrived(++connection);
    return hand_over();
  }
  std::uint64_t hand_over() {
    const auto hand = robin.next(now);
    if (!hand) return 0;
    given[hand->worker] = hand->connection;
    return hand->worker;
  }
  void answer(std::uint64_t worker, bool taken = true) {
    robin.answered(worker, given[worker], taken, now);
  }

  RoundRobin robin;
  TimePoint now = start;
  std::uint32_t connection = 0;
  std::map<std::uint64_t, std::uint32_t> given;
};

TEST_F(RoundRobinTest, WantsNothingWithoutWorkers) {
  EXPECT_FALSE(robin.wants_connection());
}

TEST_F(RoundRobinTest, GoesRoundInTheOrderOfTheAnswers) {
  for (const std::uint64_t id : {1U, 2U, 3U}) robin.join(id);
  EXPECT_EQ(connect(), 1U);
  EXPECT_EQ(connect(), 2U);
  answer(2);
  answer(1);
  EXPECT_EQ(connect(), 3U);
  EXPECT_EQ(connect(), 2U);
  EXPECT_EQ(connect(), 1U);
}

TEST_F(RoundRobinTest, GivesAWorkerOneAtATime) {
  robin.join(1);
  EXPECT_EQ(connect(), 1U);
  EXPECT_EQ(connect(), 0U);
  answer(1);
  EXPECT_EQ(connect(), 1U);
}

TEST_F(RoundRobinTest, GivesWhatADeadWorkerHadNotTakenToAnother) {
  robin.join(1);
  connect();
  robin.died(1, false);
  EXPECT_EQ(hand_over(), 0U);
  robin.join(2);
  EXPECT_EQ(hand_over(), 2U);
  EXPECT_EQ(given[2], given[1]);
}

TEST_F(RoundRobinTest, LetsWhatADeadWorkerHadTakenGo) {
  robin.join(1);
  connect();
  robin.died(1, true);
  robin.join(2);
  EXPECT_EQ(hand_over(), 0U);
}

TEST_F(RoundRobinTest, AsksAWorkerThatRefusesAgainOnlyAfterAWhile) {
  robin.join(1);
  robin.join(2);
  EXPECT_EQ(connect(), 1U);
  answer(1, false);
  EXPECT_EQ(hand_over(), 2U);
  EXPECT_EQ(given[2], given[1]);
  answer(2, false);
  EXPECT_EQ(hand_over(), 0U);
  EXPECT_EQ(robin.next_time(now), now + RoundRobin::rest_time);
  now += RoundRobin::rest_time;
  robin.wake(now);
  EXPECT_EQ(hand_over(), 1U);
}

TEST_F(RoundRobinTest, TakesAConnectionBackFromALateWorkerWhenAnotherIsFree) {
  robin.join(1);
  robin.join(2);
  connect();
  EXPECT_FALSE(robin.overdue(now));
  now += RoundRobin::answer_time;
  ASSERT_TRUE(robin.overdue(now));
  EXPECT_EQ(robin.overdue(now)->worker, 1U);
  robin.taken_back(1);
  EXPECT_EQ(hand_over(), 2U);
  EXPECT_EQ(given[2], given[1]);
}

TEST_F(RoundRobinTest, LeavesALateWorkerItsConnectionWhenNobodyElseIsFree) {
  robin.join(1);
  connect();
  now += std::chrono::hours(1);
  EXPECT_FALSE(robin.overdue(now));
  EXPECT_EQ(robin.next_time(now), TimePoint::max());  // and nothing wakes for it
}

TEST_F(RoundRobinTest, GivesALateWorkerNothingMoreUntilItAnswers) {
  robin.join(1);
  robin.join(2);
  connect();
  now += RoundRobin::answer_time;
  robin.taken_back(1);
  hand_over();
  answer(2);
  EXPECT_EQ(connect(), 2U);
  answer(2);
  EXPECT_FALSE(robin.answered(1, given[1], false, now));  // it was not its own any more
  EXPECT_EQ(connect(), 2U);
  EXPECT_EQ(connect(), 1U);
}

TEST_F(RoundRobinTest, TakesNothingBackThatTheWorkerHasTaken) {
  robin.join(1);
  robin.join(2);
  connect();
  now += RoundRobin::answer_time;
  robin.was_taken(1);
  EXPECT_FALSE(robin.overdue(now));
}

TEST_F(RoundRobinTest, HearsAWorkerThatLeavesOutAboutWhatItWasGiven) {
  robin.join(1);
  connect();
  robin.leave(1);
  EXPECT_TRUE(robin.answered(1, given[1], false, now));
  robin.join(2);
  EXPECT_EQ(hand_over(), 2U);
}

TEST_F(RoundRobinTest, TakesAWorkerInAgainThatLeftAndCame) {
  robin.join(1);
  connect();
  robin.leave(1);
  robin.join(1);
  EXPECT_EQ(connect(), 0U);
  answer(1);
  EXPECT_EQ(connect(), 1U);
}

TEST_F(RoundRobinTest, IgnoresAnswersThatMakeNoSense) {
  robin.join(1);
  connect();
  EXPECT_FALSE(robin.answered(7, 1, true, now));
  EXPECT_FALSE(robin.answered(1, 99, true, now));
  EXPECT_EQ(connect(), 0U);
}

// Workers with a mind of their own, and every connection is served exactly once.
class Storm {
 public:
  Storm(unsigned workers, unsigned seed) : random_(seed) {
    for (unsigned n = 0; n < workers; ++n) start();
  }
  void run(unsigned connections) {
    for (unsigned n = 0; n < connections; ++n) {
      now_ += Duration(random_() % 4'000'000);
      misbehave();
      answer();
      arrivals_ += 1;
      pump();
      EXPECT_LE(robin_.waiting(), alive_.size() + 4);
    }
    // All go on; then nothing may be left.
    for (auto& [id, worker] : alive_) worker.stopped = false;
    if (alive_.empty()) start();
    for (int n = 0; n < 1'000'000 && (arrivals_ > 0 || robin_.waiting() > 0 || busy()); ++n) {
      now_ += ms;
      answer();
      pump();
    }
  }
  std::size_t served() const { return served_.size(); }
  std::size_t died_with_their_worker() const { return lost_; }
  std::size_t left() const { return arrivals_ + robin_.waiting(); }

 private:
  struct Worker {
    std::queue<std::uint32_t> inbox;  // what the kernel keeps for it
    bool stopped = false;
  };

  void start() {
    alive_[++last_id_];
    robin_.join(last_id_);
  }
  bool busy() const {
    for (const auto& [id, worker] : alive_) {
      if (!worker.inbox.empty()) return true;
    }
    return false;
  }
  std::uint64_t any() {
    auto at = alive_.begin();
    std::advance(at, random_() % alive_.size());
    return at->first;
  }
  void misbehave() {
    const std::uint64_t what = random_() % 40;
    if (what == 0 && alive_.size() > 1) {
      const std::uint64_t id = any();
      // It may have taken what it was given, and not have said so.
      const auto mine = open_.find(id);
      const bool taken = mine != open_.end() && random_() % 2 == 0;
      if (taken) ++lost_;
      if (mine != open_.end()) open_.erase(mine);
      alive_.erase(id);
      robin_.died(id, taken);
      start();
    } else if (what < 4) {
      Worker& worker = alive_[any()];
      worker.stopped = !worker.stopped;
    }
  }
  void answer() {
    for (auto& [id, worker] : alive_) {
      if (worker.stopped || worker.inbox.empty()) continue;
      const std::uint32_t connection = worker.inbox.front();
      worker.inbox.pop();
      const auto mine = open_.find(id);
      const bool still_its_own = mine != open_.end() && mine->second == connection;
      const bool taken = still_its_own && random_() % 8 != 0;
      if (still_its_own) open_.erase(mine);
      if (taken) {
        EXPECT_TRUE(served_.insert(connection).second) << "served twice";
      }
      robin_.answered(id, connection, taken, now_);
    }
  }
  void pump() {
    robin_.wake(now_);
    while (true) {
      if (const auto hand = robin_.next(now_)) {
        open_[hand->worker] = hand->connection;
        alive_.at(hand->worker).inbox.push(hand->connection);
      } else if (const auto late = robin_.overdue(now_)) {
        open_.erase(late->worker);
        robin_.taken_back(late->worker);
      } else if (arrivals_ > 0 && robin_.wants_connection()) {
        --arrivals_;
        robin_.arrived(++connection_);
      } else {
        return;
      }
    }
  }

  std::mt19937_64 random_;
  RoundRobin robin_;
  TimePoint now_ = start_time;
  static constexpr TimePoint start_time{std::chrono::seconds(1)};
  std::map<std::uint64_t, Worker> alive_;
  std::map<std::uint64_t, std::uint32_t> open_;  // what a worker was offered: the shared word
  std::set<std::uint32_t> served_;
  std::uint64_t last_id_ = 0;
  std::uint32_t connection_ = 0;
  std::size_t arrivals_ = 0;  // in the kernel's queue
  std::size_t lost_ = 0;
};

class RoundRobinStorm : public testing::TestWithParam<unsigned> {};

TEST_P(RoundRobinStorm, ServesEveryConnectionOnceUnlessItDiesWithItsWorker) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Storm storm(GetParam(), seed);
    storm.run(3000);
    EXPECT_EQ(storm.left(), 0U) << "seed " << seed;
    EXPECT_EQ(storm.served() + storm.died_with_their_worker(), 3000U) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, RoundRobinStorm, testing::Values(1, 2, 4, 16));

}  // namespace
}  // namespace brigade::cluster::detail
