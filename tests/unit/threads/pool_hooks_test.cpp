// What a pool runs at the beginning and end of its threads, and threads that do not come to be.
#include <gtest/gtest.h>
#include "support/counted.hpp"
#include "support/pool_attempt.hpp"

#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>

namespace brigade {
namespace {

using namespace std::chrono_literals;
using testing_support::attempt;
using testing_support::Ended;
using testing_support::eventually;
using testing_support::join;

class PoolHooksTest : public testing_support::NothingLeft {
 protected:
  Ended run_once(const ThreadPool& pool) {
    Ended ended;
    loop.run(attempt(pool, {.name = "once"}, [] {}, ended));
    return ended;
  }
  Loop loop;
};

thread_local unsigned set_up_as = 99;

TEST_F(PoolHooksTest, RunOnEachThreadBeforeItsFirstJobAndAfterItsLast) {
  std::atomic<int> begun{0};
  std::atomic<int> torn_down{0};
  {
    const ThreadPool pool({.thread_init =
                               [&begun](unsigned place) {
                                 set_up_as = place;
                                 ++begun;
                               },
                           .thread_teardown =
                               [&torn_down](unsigned place) {
                                 if (set_up_as == place) ++torn_down;
                               },
                           .threads = 2});
    const unsigned place = loop.run([](ThreadPool own) -> Task<unsigned> {
      co_return co_await own.run([] { return set_up_as; });
    }(pool));
    EXPECT_LT(place, 2U);
  }
  EXPECT_EQ(begun, 2);
  EXPECT_EQ(torn_down, 2);
}

TEST_F(PoolHooksTest, RunForReplacedAndForIdleThreadsAsWell) {
  std::atomic<int> begun{0};
  std::atomic<int> torn_down{0};
  const ThreadPool pool({.thread_init = [&](unsigned) { ++begun; },
                         .thread_teardown = [&](unsigned) { ++torn_down; },
                         .min_threads = 0,
                         .max_threads = 1,
                         .idle_timeout = Duration::zero(),
                         .recycle_after = 1});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(run_once(pool).how, "done");
  EXPECT_TRUE(eventually([&] { return torn_down == begun && pool.threads() == 0; }));
  EXPECT_GE(begun, 5);
}

TEST_F(PoolHooksTest, ThatFailAtTheBeginningTakeTheirThreadOutAndTheOthersWork) {
  testing::internal::CaptureStderr();
  std::atomic<int> tries{0};
  const ThreadPool pool({.name = "models",
                         .thread_init =
                             [&tries](unsigned) {
                               if (++tries == 1) throw std::runtime_error("no such model");
                             },
                         .threads = 2});
  EXPECT_TRUE(eventually([&] { return tries == 2 && pool.threads() == 1; }));
  EXPECT_EQ(run_once(pool).how, "done");
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("pool \"models\": thread_init threw \"no such model\""), std::string::npos)
      << log;
}

TEST_F(PoolHooksTest, ThatAlwaysFailRejectTheJobsWithTheReasonAndAreNotTriedForEach) {
  testing::internal::CaptureStderr();
  std::atomic<int> tries{0};
  const ThreadPool pool({.name = "models",
                         .thread_init =
                             [&tries](unsigned) {
                               ++tries;
                               throw std::runtime_error("no such model");
                             },
                         .min_threads = 0,
                         .max_threads = 4});
  for (int i = 0; i < 20; ++i) {
    const Ended ended = run_once(pool);
    EXPECT_EQ(ended.how, "unavailable");
    EXPECT_NE(ended.what.find("\"once\""), std::string::npos) << ended.what;
    EXPECT_NE(ended.what.find("no such model"), std::string::npos) << ended.what;
  }
  EXPECT_LE(tries, 2);
  EXPECT_EQ(pool.threads(), 0U);
  EXPECT_EQ(pool.stats().refused, 20U);
  testing::internal::GetCapturedStderr();
}

TEST_F(PoolHooksTest, ThatFailedAreTriedAgainAfterAWhile) {
  testing::internal::CaptureStderr();
  std::atomic<bool> works{false};
  const ThreadPool pool({.thread_init =
                             [&works](unsigned) {
                               if (!works) throw std::runtime_error("not yet");
                             },
                         .min_threads = 0,
                         .max_threads = 1});
  EXPECT_EQ(run_once(pool).how, "unavailable");
  works = true;
  EXPECT_TRUE(eventually([&] { return run_once(pool).how == "done"; }));
  testing::internal::GetCapturedStderr();
}

TEST_F(PoolHooksTest, ThatThrowAtTheEndAreLogged) {
  testing::internal::CaptureStderr();
  {
    const ThreadPool pool(
        {.name = "sour", .thread_teardown = [](unsigned) { throw 5; }, .threads = 1});
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("pool \"sour\": thread_teardown threw"), std::string::npos) << log;
}

TEST_F(PoolHooksTest, OneThatTakesLongDelaysNoJobThatAnotherThreadIsFreeFor) {
  std::atomic<int> tries{0};
  std::atomic<bool> go_on{false};
  const ThreadPool pool({.thread_init =
                             [&](unsigned) {
                               if (++tries > 1) eventually([&] { return go_on.load(); });
                             },
                         .min_threads = 1,
                         .max_threads = 2});
  TaskGroup group;
  std::deque<Ended> endings(2);
  for (Ended& each : endings) group.spawn(attempt(pool, {}, [] {}, each));
  join(loop, group);
  EXPECT_EQ(pool.threads(), 2U);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(run_once(pool).how, "done");
    // Long enough for the first thread to fall asleep.
    const TimePoint until = monotonic_now() + 200us;
    while (monotonic_now() < until) {
    }
  }
  EXPECT_FALSE(go_on);
  go_on = true;
}

TEST_F(PoolHooksTest, OneThatFailsBesideJobsThatRunHarmsNone) {
  testing::internal::CaptureStderr();
  std::atomic<int> tries{0};
  const ThreadPool pool({.thread_init =
                             [&tries](unsigned) {
                               if (++tries % 2 == 0) throw std::runtime_error("every second");
                             },
                         .min_threads = 1,
                         .max_threads = 4});
  TaskGroup group;
  std::deque<Ended> endings(50);
  for (Ended& each : endings) group.spawn(attempt(pool, {}, [] {}, each));
  join(loop, group);
  for (const Ended& each : endings) EXPECT_EQ(each.how, "done");
  testing::internal::GetCapturedStderr();
}

}  // namespace
}  // namespace brigade
