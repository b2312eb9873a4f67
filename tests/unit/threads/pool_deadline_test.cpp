// Priorities, deadlines and stop tokens of single jobs.
#include <gtest/gtest.h>
#include "support/blocker.hpp"
#include "support/counted.hpp"
#include "support/pool_attempt.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace brigade {
namespace {

using namespace std::chrono_literals;
using testing_support::attempt;
using testing_support::Blocker;
using testing_support::Counted;
using testing_support::Ended;
using testing_support::join;
using testing_support::turn_until;
using testing_support::until_stopped;

class PoolDeadlineTest : public testing_support::NothingLeft {
 protected:
  /// Occupies the pool's only thread until let_go().
  void occupy() {
    group.spawn(attempt(pool, {}, [this] { blocker.block(); }, occupied));
    blocker.wait_until_begun();
  }
  template <class Job>
  Ended& spawn(JobOptions options, Job job) {
    group.spawn(attempt(pool, options, std::move(job), endings.emplace_back()));
    return endings.back();
  }

  Loop loop;
  ThreadPool pool{{.name = "short", .threads = 1}};
  Blocker blocker;
  Ended occupied;
  std::deque<Ended> endings;
  TaskGroup group;
  std::atomic<bool> ran{false};
};

TEST_F(PoolDeadlineTest, HigherPrioritiesOvertakeAndEqualOnesKeepTheirOrder) {
  occupy();
  std::vector<int> order;  // the pool's one thread writes
  const std::vector<int> priorities = {0, -5, 10, 0, 10, 1};
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    spawn({.priority = priorities[i]}, [&order, i] { order.push_back(static_cast<int>(i)); });
  }
  blocker.let_go();
  join(loop, group);
  EXPECT_EQ(order, (std::vector<int>{2, 4, 5, 0, 3, 1}));
}

TEST_F(PoolDeadlineTest, JobThatWaitsForTooLongIsRemovedWhileThoseAroundItStay) {
  occupy();
  Ended& before = spawn({}, [] {});
  Ended& late = spawn({.name = "thumbnail", .wait_deadline = 5ms}, [this] { ran = true; });
  Ended& after = spawn({}, [] {});
  EXPECT_TRUE(turn_until(loop, [&] { return late.how != "not yet"; }))
      << "while the thread is busy";
  EXPECT_EQ(late.how, "waited too long");
  EXPECT_NE(late.what.find("\"thumbnail\" waited for more than 5 ms"), std::string::npos)
      << late.what;
  EXPECT_NE(late.what.find("\"short\""), std::string::npos) << late.what;
  EXPECT_EQ(pool.queued(), 2U);
  EXPECT_EQ(pool.stats().expired, 1U);
  blocker.let_go();
  join(loop, group);
  EXPECT_EQ(before.how + after.how, "donedone");
  EXPECT_FALSE(ran);
}

TEST_F(PoolDeadlineTest, JobWhoseWaitEndedWhileItsLoopWasBlockedIsNotBegun) {
  occupy();
  Ended& late = spawn({.wait_deadline = 1ms}, [this] { ran = true; });
  std::this_thread::sleep_for(5ms);  // the loop hangs
  blocker.let_go();
  join(loop, group);
  EXPECT_EQ(late.how, "waited too long");
  EXPECT_FALSE(ran);
}

TEST_F(PoolDeadlineTest, JobThatBeginsInTimeMayRunPastItsWaitDeadline) {
  Ended& job = spawn({.wait_deadline = 1s}, [this] { blocker.block(); });
  blocker.wait_until_begun();
  loop.run([]() -> Task<> { co_await sleep(2ms); }());
  blocker.let_go();
  join(loop, group);
  EXPECT_EQ(job.how, "done");
}

TEST_F(PoolDeadlineTest, JobThatRunsForTooLongIsAskedToStopAndItsResultDropped) {
  testing::internal::CaptureStderr();
  Ended& job = spawn({.name = "render", .run_deadline = 5ms}, until_stopped);
  join(loop, group);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(job.how, "ran too long");
  EXPECT_NE(job.what.find("\"render\" ran for more than 5 ms"), std::string::npos) << job.what;
  EXPECT_NE(log.find("job \"render\" still runs after"), std::string::npos) << log;
  EXPECT_NE(log.find("asked to stop"), std::string::npos) << log;
  EXPECT_EQ(pool.stats().expired, 1U);
}

TEST_F(PoolDeadlineTest, JobThatCannotBeAskedIsNamedWhileItRunsAndWaitedFor) {
  testing::internal::CaptureStderr();
  Ended& job = spawn({.name = "deaf", .run_deadline = 2ms}, [this] { blocker.block(); });
  std::string log;
  EXPECT_TRUE(turn_until(loop, [&] { return pool.stats().busy == 1; }));
  loop.run([]() -> Task<> { co_await sleep(20ms); }());
  EXPECT_EQ(job.how, "not yet");
  blocker.let_go();
  join(loop, group);
  log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(job.how, "ran too long");
  EXPECT_NE(log.find("\"deaf\""), std::string::npos) << log;
  EXPECT_NE(log.find("cannot be asked"), std::string::npos) << log;
}

TEST_F(PoolDeadlineTest, RunDeadlineCountsFromTheBeginningNotFromTheQueue) {
  occupy();
  Ended& job = spawn({.run_deadline = 300ms}, [] {});
  loop.run([]() -> Task<> { co_await sleep(320ms); }());
  EXPECT_EQ(job.how, "not yet");
  blocker.let_go();
  join(loop, group);
  EXPECT_EQ(job.how, "done");
}

TEST_F(PoolDeadlineTest, RunDeadlineIsKeptAfterALongWait) {
  testing::internal::CaptureStderr();
  occupy();
  Ended& job = spawn({.wait_deadline = 10s, .run_deadline = 10ms}, until_stopped);
  loop.run([]() -> Task<> { co_await sleep(25ms); }());
  blocker.let_go();
  join(loop, group);
  EXPECT_EQ(job.how, "ran too long");
  testing::internal::GetCapturedStderr();
}

TEST_F(PoolDeadlineTest, ManyThatOverrunTogetherAreOneLogLine) {
  testing::internal::CaptureStderr();
  const ThreadPool wide({.threads = 4});
  for (int i = 0; i < 4; ++i) {
    group.spawn(attempt(wide, {.name = "slow", .run_deadline = 2ms}, until_stopped,
                        endings.emplace_back()));
  }
  join(loop, group);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.find("still runs"), log.rfind("still runs")) << log;
  for (const Ended& each : endings) EXPECT_EQ(each.how, "ran too long");
}

TEST_F(PoolDeadlineTest, TokenRemovesAQueuedJobAtOnce) {
  occupy();
  std::stop_source source;
  Ended& before = spawn({}, [] {});
  Ended& stopped = spawn({.stop_token = source.get_token()}, [this] { ran = true; });
  Ended& after = spawn({}, [] {});
  EXPECT_EQ(pool.queued(), 3U);
  source.request_stop();
  EXPECT_EQ(pool.queued(), 2U) << "before the loop turns";
  EXPECT_TRUE(turn_until(loop, [&] { return stopped.how != "not yet"; }));
  EXPECT_EQ(stopped.how, "cancelled");
  blocker.let_go();
  join(loop, group);
  EXPECT_EQ(before.how + after.how, "donedone");
  EXPECT_FALSE(ran);
  EXPECT_EQ(pool.stats().cancelled, 1U);
}

TEST_F(PoolDeadlineTest, TokenTriggeredOnAnotherThreadTellsTheWaiter) {
  occupy();
  std::stop_source source;
  Ended& stopped = spawn({.stop_token = source.get_token()}, [this] { ran = true; });
  std::thread other([&source] { source.request_stop(); });
  EXPECT_TRUE(turn_until(loop, [&] { return stopped.how == "cancelled"; }));
  other.join();
  blocker.let_go();
  join(loop, group);
  EXPECT_FALSE(ran);
}

TEST_F(PoolDeadlineTest, TokenTriggeredBeforeIsRefusedImmediately) {
  std::stop_source source;
  source.request_stop();
  Ended& stopped = spawn({.stop_token = source.get_token()}, [this] { ran = true; });
  EXPECT_EQ(stopped.how, "cancelled") << "before the loop turns";
  join(loop, group);
  EXPECT_FALSE(ran);
}

TEST_F(PoolDeadlineTest, TokenAsksARunningJobAndItsResultIsDropped) {
  std::stop_source source;
  Blocker begun;
  Ended& stopped = spawn({.stop_token = source.get_token()}, [&begun](std::stop_token token) {
    begun.let_go();
    begun.block();
    until_stopped(token);
  });
  begun.wait_until_begun();
  source.request_stop();
  join(loop, group);
  EXPECT_EQ(stopped.how, "cancelled");
  EXPECT_EQ(pool.stats().cancelled, 1U);
}

TEST_F(PoolDeadlineTest, TokenThatComesTooLateChangesNothing) {
  std::stop_source source;
  Ended& job = spawn({.stop_token = source.get_token()}, [] {});
  join(loop, group);
  source.request_stop();
  EXPECT_EQ(job.how, "done");
}

TEST_F(PoolDeadlineTest, CancellingTheTaskAsksItsRunningJob) {
  std::atomic<bool> begun{false};
  Ended& job = spawn({}, [&begun](std::stop_token token) {
    begun = true;
    until_stopped(token);
  });
  EXPECT_TRUE(turn_until(loop, [&] { return begun.load(); }));
  group.cancel();
  join(loop, group);
  EXPECT_EQ(job.how, "cancelled");
}

TEST_F(PoolDeadlineTest, DestroyingTheFrameAsksItsRunningJob) {
  std::atomic<bool> begun{false};
  {
    detail::TaskScope scope("short-lived", nullptr);
    auto task = attempt(
        pool, {},
        [&begun, kept = Counted()](std::stop_token token) {
          begun = true;
          until_stopped(token);
          EXPECT_TRUE(kept.intact());
        },
        endings.emplace_back());
    task.start(nullptr, &scope);
    EXPECT_TRUE(turn_until(loop, [&] { return begun.load(); }));
  }
  loop.turn(false);
  EXPECT_EQ(pool.stats().done, 1U);
}

TEST_F(PoolDeadlineTest, CancellingQueuedAndRunningOnesLeavesLaterJobsAlone) {
  std::stop_source source;
  std::atomic<bool> begun{false};
  spawn({.stop_token = source.get_token()}, [&begun](std::stop_token token) {
    begun = true;
    until_stopped(token);
  });
  EXPECT_TRUE(turn_until(loop, [&] { return begun.load(); }));
  spawn({.stop_token = source.get_token()}, [this] { ran = true; });
  Ended& third = spawn({}, [] {});
  source.request_stop();
  Ended& fourth = spawn({}, [] {});
  join(loop, group);
  EXPECT_EQ(endings[0].how + endings[1].how, "cancelledcancelled");
  EXPECT_EQ(third.how + fourth.how, "donedone");
  EXPECT_FALSE(ran);
}

TEST_F(PoolDeadlineTest, CancellingOneRunningJobLeavesThatBesideItAlone) {
  const ThreadPool wide({.threads = 2});
  std::stop_source source;
  Blocker other;
  Ended& stopped = endings.emplace_back();
  group.spawn(attempt(wide, {.stop_token = source.get_token()}, until_stopped, stopped));
  Ended& beside = endings.emplace_back();
  group.spawn(attempt(wide, {}, [&other] { other.block(); }, beside));
  other.wait_until_begun();
  source.request_stop();
  EXPECT_TRUE(turn_until(loop, [&] { return stopped.how == "cancelled"; }));
  EXPECT_EQ(beside.how, "not yet");
  other.let_go();
  join(loop, group);
  EXPECT_EQ(beside.how, "done");
}

TEST_F(PoolDeadlineTest, FunctionThatNeedsNoTokenIsCalledAsEver) {
  const int sum = loop.run([](ThreadPool own) -> Task<int> {
    // Generic: it would take a token, too, and fail to compile with one.
    co_return co_await own.run([](auto... values) { return (values + ...); }, 1, 2, 3);
  }(pool));
  EXPECT_EQ(sum, 6);
}

TEST_F(PoolDeadlineTest, FunctionWithATokenGetsItsArgumentsBehindIt) {
  const std::string text = loop.run([](ThreadPool own) -> Task<std::string> {
    co_return co_await own.run(
        [](std::stop_token token, std::string left, int right) {
          return token.stop_possible() ? left + std::to_string(right) : "no token";
        },
        std::string("a"), 7);
  }(pool));
  EXPECT_EQ(text, "a7");
}

TEST_F(PoolDeadlineTest, TryRunGivesDeadlinesAsValues) {
  testing::internal::CaptureStderr();
  occupy();
  loop.run([](ThreadPool own) -> Task<> {
    auto waited = co_await own.try_run({.name = "late", .wait_deadline = 2ms}, [] { return 1; });
    EXPECT_FALSE(waited.ok());
    EXPECT_EQ(waited.error().code(), ETIMEDOUT);
    EXPECT_NE(waited.error().message().find("\"late\""), std::string::npos);
  }(pool));
  blocker.let_go();
  loop.run([](ThreadPool own) -> Task<> {
    auto ran_long = co_await own.try_run({.run_deadline = 2ms}, until_stopped);
    EXPECT_FALSE(ran_long.ok());
    EXPECT_EQ(ran_long.error().code(), ETIME);
    auto good = co_await own.try_run({.priority = 3}, [] { return 5; });
    EXPECT_EQ(good.value(), 5);
  }(pool));
  join(loop, group);
  testing::internal::GetCapturedStderr();
}

TEST_F(PoolDeadlineTest, JobsOfALoopWhoseTokensAndDeadlinesRaceWithTheirEndsAllEnd) {
  const ThreadPool wide({.threads = 2});
  for (int round = 0; round < 100; ++round) {
    std::stop_source source;
    for (int i = 0; i < 8; ++i) {
      group.spawn(attempt(
          wide,
          {.priority = i % 3,
           .stop_token = source.get_token(),
           .wait_deadline = i % 2 == 0 ? Duration(1ms) : Duration::max()},
          [] {}, endings.emplace_back()));
    }
    std::thread other([&source] { source.request_stop(); });
    join(loop, group);
    other.join();
  }
  for (const Ended& each : endings) {
    EXPECT_TRUE(each.how == "done" || each.how == "cancelled" || each.how == "waited too long")
        << each.how;
  }
  const PoolStats stats = wide.stats();
  EXPECT_EQ(stats.busy + stats.queued, 0U);
}

}  // namespace
}  // namespace brigade
