// Room in a pool, and its end.
#include <gtest/gtest.h>
#include "support/blocker.hpp"
#include "support/counted.hpp"
#include "support/pool_attempt.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <memory>
#include <string>

namespace brigade {
namespace {

using namespace std::chrono_literals;
using testing_support::attempt;
using testing_support::Blocker;
using testing_support::Ended;
using testing_support::join;
using testing_support::turn_until;
using testing_support::until_stopped;

class PoolClosingTest : public testing_support::NothingLeft {
 protected:
  template <class Job>
  Ended& spawn(const ThreadPool& pool, Job job, const char* name = "") {
    group.spawn(attempt(pool, {.name = name}, std::move(job), endings.emplace_back()));
    return endings.back();
  }
  static Task<> close(ThreadPool pool, Duration deadline, PoolLeft& left, bool& ended) {
    left = co_await pool.close(deadline);
    ended = true;
  }

  Loop loop;
  std::deque<Ended> endings;
  TaskGroup group;
};

TEST_F(PoolClosingTest, DestroyRejectsTheRunningAndTheQueuedAndTheRefusedIsAnother) {
  const ThreadPool pool({.max_queue = 2, .min_threads = 0, .max_threads = 1});
  for (int i = 0; i < 4; ++i) spawn(pool, until_stopped);
  EXPECT_TRUE(turn_until(loop, [&] { return pool.stats().busy == 1; }));
  EXPECT_EQ(pool.queued(), 2U);
  EXPECT_EQ(endings[3].how, "overloaded");
  const PoolLeft left =
      loop.run([](ThreadPool own) -> Task<PoolLeft> { co_return co_await own.destroy(); }(pool));
  EXPECT_EQ(left.rejected, 2U);
  EXPECT_EQ(left.running.size(), 1U);
  EXPECT_EQ(pool.threads(), 0U);
  join(loop, group);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(endings[static_cast<std::size_t>(i)].how, "closed") << i;
}

TEST_F(PoolClosingTest, DestroyTakesEffectWithoutBeingAwaited) {
  const ThreadPool pool({.threads = 1});
  Ended& job = spawn(pool, until_stopped);
  EXPECT_TRUE(turn_until(loop, [&] { return pool.stats().busy == 1; }));
  pool.destroy();
  join(loop, group);
  EXPECT_EQ(job.how, "closed");
}

TEST_F(PoolClosingTest, CloseWaitsForTheRunningAndTheQueuedAndRefusesNewJobs) {
  const ThreadPool pool({.name = "resize", .threads = 1});
  Blocker blocker;
  Ended& running = spawn(pool, [&blocker] { blocker.block(); });
  Ended& queued = spawn(pool, [] {});
  PoolLeft left;
  bool ended = false;
  group.spawn(close(pool, 20s, left, ended));
  Ended& late = spawn(
      pool, [] {}, "late");
  EXPECT_EQ(late.how, "closed");
  EXPECT_NE(late.what.find("\"resize\" is closed"), std::string::npos) << late.what;
  EXPECT_NE(late.what.find("\"late\""), std::string::npos) << late.what;
  blocker.wait_until_begun();
  loop.turn(false);
  EXPECT_FALSE(ended);
  blocker.let_go();
  join(loop, group);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(left.nothing());
  EXPECT_EQ(running.how + queued.how, "donedone");
  EXPECT_EQ(pool.threads(), 0U);
}

TEST_F(PoolClosingTest, CloseOfAnIdlePoolEndsAtOnceAndAgain) {
  for (const unsigned min : {0U, 2U}) {
    const ThreadPool pool({.min_threads = min, .max_threads = 2});
    for (int i = 0; i < 2; ++i) {
      PoolLeft left;
      bool ended = false;
      loop.run(close(pool, 20s, left, ended));
      EXPECT_TRUE(ended && left.nothing());
    }
  }
}

TEST_F(PoolClosingTest, CloseTellsAtItsDeadlineWhatIsLeftAndNamesIt) {
  testing::internal::CaptureStderr();
  const ThreadPool pool({.name = "resize", .threads = 1});
  Blocker blocker;
  Ended& deaf = spawn(
      pool, [&blocker] { blocker.block(); }, "deaf");
  Ended& queued = spawn(pool, [] {});
  blocker.wait_until_begun();
  PoolLeft left;
  bool ended = false;
  loop.run(close(pool, 5ms, left, ended));  // while the deaf job runs
  EXPECT_EQ(left.rejected, 1U);
  ASSERT_EQ(left.running.size(), 1U);
  EXPECT_EQ(left.running[0].name, "deaf");
  EXPECT_TRUE(turn_until(loop, [&] { return queued.how == "closed"; }));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("pool \"resize\" was not done 5 ms after it was closed"), std::string::npos)
      << log;
  EXPECT_NE(log.find("\"deaf\""), std::string::npos) << log;
  blocker.let_go();
  join(loop, group);
  EXPECT_EQ(deaf.how, "closed");
}

TEST_F(PoolClosingTest, CloseAsksAtItsDeadlineThoseThatListen) {
  testing::internal::CaptureStderr();
  const ThreadPool pool({.threads = 2});
  spawn(pool, until_stopped);
  spawn(pool, until_stopped);
  PoolLeft left;
  bool ended = false;
  loop.run(close(pool, 2ms, left, ended));
  join(loop, group);
  EXPECT_EQ(endings[0].how + endings[1].how, "closedclosed");
  testing::internal::GetCapturedStderr();
}

TEST_F(PoolClosingTest, CloseThatIsCancelledLeavesThePoolClosing) {
  const ThreadPool pool({.threads = 1});
  Blocker blocker;
  spawn(pool, [&blocker] { blocker.block(); });
  PoolLeft left;
  bool ended = false;
  TaskGroup closers([](const char*, const std::exception_ptr&) {});
  closers.spawn(close(pool, 20s, left, ended));
  closers.cancel();
  join(loop, closers);
  EXPECT_FALSE(ended);
  EXPECT_EQ(spawn(pool, [] {}).how, "closed");
  blocker.let_go();
  join(loop, group);
  EXPECT_TRUE(turn_until(loop, [&] { return pool.threads() == 0; }));
}

TEST_F(PoolClosingTest, CloseWhoseFrameIsDestroyedIsNotTold) {
  const ThreadPool pool({.threads = 1});
  Blocker blocker;
  spawn(pool, [&blocker] { blocker.block(); });
  PoolLeft left;
  bool ended = false;
  {
    detail::TaskScope scope("short-lived", nullptr);
    auto task = close(pool, 20s, left, ended);
    task.start(nullptr, &scope);
  }
  blocker.let_go();
  join(loop, group);
  EXPECT_FALSE(ended);
}

TEST_F(PoolClosingTest, LastHandleMayGoWhileItIsAwaited) {
  bool ended = false;
  PoolLeft left;
  auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.threads = 2});
  group.spawn(close(*pool, 20s, left, ended));
  pool.reset();
  join(loop, group);
  EXPECT_TRUE(ended);
}

TEST_F(PoolClosingTest, StopAcceptingRefusesWithAnErrorOfItsOwn) {
  ThreadPool pool({.threads = 1});
  pool.stop_accepting();
  loop.run([](ThreadPool own) -> Task<> {
    auto refused = co_await own.try_run([] { return 1; });
    EXPECT_EQ(refused.error().code(), ESHUTDOWN);
  }(pool));
}

TEST_F(PoolClosingTest, NeedsDrainWhenAllThreadsHaveAJob) {
  const ThreadPool pool({.min_threads = 0, .max_threads = 2});
  Blocker one;
  Blocker two;
  EXPECT_FALSE(pool.needs_drain());
  spawn(pool, [&one] { one.block(); });
  EXPECT_FALSE(pool.needs_drain());
  spawn(pool, [&two] { two.block(); });
  EXPECT_TRUE(pool.needs_drain());
  one.let_go();
  EXPECT_TRUE(turn_until(loop, [&] { return !pool.needs_drain(); }));
  two.let_go();
  join(loop, group);
}

TEST_F(PoolClosingTest, DrainedWaitsUntilThereIsRoom) {
  const ThreadPool pool({.threads = 1});
  Blocker blocker;
  spawn(pool, [&blocker] { blocker.block(); });
  bool drained = false;
  group.spawn([](ThreadPool own, bool& out) -> Task<> {
    co_await own.drained();
    out = true;
  }(pool, drained));
  loop.turn(false);
  EXPECT_FALSE(drained);
  blocker.let_go();
  join(loop, group);
  EXPECT_TRUE(drained);
}

TEST_F(PoolClosingTest, CallbacksTellInTurnsThatItIsFullAndThatThereIsRoom) {
  const ThreadPool pool({.threads = 1});
  std::string told;
  const auto watch = pool.watch(
      {.on_needs_drain = [&told] { told += 'f'; }, .on_drain = [&told] { told += 'd'; }});
  loop.turn(false);
  EXPECT_EQ(told, "");
  for (int round = 0; round < 3; ++round) {
    Blocker blocker;
    spawn(pool, [&blocker] { blocker.block(); });
    spawn(pool, [] {});
    EXPECT_EQ(told.size(), 2U * static_cast<std::size_t>(round)) << "never from within run()";
    EXPECT_TRUE(turn_until(loop, [&] { return told.ends_with('f'); }));
    blocker.let_go();
    EXPECT_TRUE(turn_until(loop, [&] { return told.ends_with('d'); }));
    join(loop, group);
  }
  EXPECT_EQ(told, "fdfdfd");
}

TEST_F(PoolClosingTest, ACallbackForAPoolThatIsFullAlreadyComes) {
  const ThreadPool pool({.threads = 1});
  Blocker blocker;
  spawn(pool, [&blocker] { blocker.block(); });
  bool full = false;
  const auto watch = pool.watch({.on_needs_drain = [&full] { full = true; }});
  EXPECT_TRUE(turn_until(loop, [&] { return full; }));
  blocker.let_go();
  join(loop, group);
}

TEST_F(PoolClosingTest, CallbacksEndWithTheirWatchOrTheirLoop) {
  ThreadPool pool({.threads = 1});
  Blocker blocker;
  spawn(pool, [&blocker] { blocker.block(); });
  const auto fail = [] { FAIL(); };
  auto dropped = pool.watch({.on_needs_drain = fail, .on_drain = fail});
  dropped.reset();
  std::unique_ptr<detail::PoolWatch> itself;
  itself = pool.watch({.on_needs_drain = [&itself] { itself.reset(); }, .on_drain = fail});
  std::unique_ptr<detail::PoolWatch> outlives;
  {
    Loop inner;
    outlives = pool.watch({.on_needs_drain = nullptr, .on_drain = fail});
  }
  EXPECT_TRUE(turn_until(loop, [&] { return !itself; }));
  blocker.let_go();
  join(loop, group);
  loop.turn(false);
}

TEST_F(PoolClosingTest, DrainedDoesNotWaitWhereThereIsRoom) {
  loop.run([](ThreadPool own) -> Task<> { co_await own.drained(); }(ThreadPool({.threads = 1})));
}

TEST_F(PoolClosingTest, ProducerThatWaitsForRoomNeverFillsTheQueue) {
  const ThreadPool pool({.max_queue = 0, .threads = 2});
  loop.run([](ThreadPool own, std::deque<Ended>& out) -> Task<> {
    TaskGroup jobs;
    for (int i = 0; i < 200; ++i) {
      co_await own.drained();
      jobs.spawn(attempt(
          own, {}, [] {}, out.emplace_back()));
    }
    co_await jobs.join();
  }(pool, endings));
  for (const Ended& each : endings) EXPECT_EQ(each.how, "done");
}

TEST_F(PoolClosingTest, DrainedThatIsCancelledOrDestroyedIsNotTold) {
  const ThreadPool pool({.threads = 1});
  Blocker blocker;
  spawn(pool, [&blocker] { blocker.block(); });
  const auto wait = [](ThreadPool own) -> Task<> { co_await own.drained(); };
  TaskGroup waiters([](const char*, const std::exception_ptr&) {});
  waiters.spawn(wait(pool));
  {
    detail::TaskScope scope("short-lived", nullptr);
    auto task = wait(pool);
    task.start(nullptr, &scope);
    EXPECT_STREQ(scope.waiting_for(), "room in a pool");
  }
  waiters.cancel();
  join(loop, waiters);
  blocker.let_go();
  join(loop, group);
}

TEST_F(PoolClosingTest, DrainedThatIsDestroyedWhenItsWakeUpIsOnTheWayIsNotTold) {
  const ThreadPool pool({.threads = 1});
  Blocker blocker;
  spawn(pool, [&blocker] { blocker.block(); });
  {
    detail::TaskScope scope("short-lived", nullptr);
    auto task = [](ThreadPool own) -> Task<> { co_await own.drained(); }(pool);
    task.start(nullptr, &scope);
    blocker.wait_until_begun();
    blocker.let_go();
    while (pool.needs_drain()) {  // the loop does not turn meanwhile
    }
  }
  join(loop, group);
}

}  // namespace
}  // namespace brigade
