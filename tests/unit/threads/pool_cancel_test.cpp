// Cancelling and destroying what waits for a pool: while its job is queued, while it runs, and when
// its end is on the way to the loop.
#include <gtest/gtest.h>
#include <brigade/thread_pool.hpp>
#include "support/blocker.hpp"
#include "support/counted.hpp"
#include "support/root.hpp"

#include <atomic>
#include <functional>
#include <thread>
#include <utility>

namespace brigade {
namespace {

using testing_support::Blocker;
using testing_support::Counted;
using testing_support::FakeLoop;
using testing_support::Root;

class PoolCancelTest : public testing_support::NothingLeft {
 protected:
  FakeLoop fake;
  ThreadPool pool{{.threads = 1}};
  Blocker blocker;
  std::atomic<bool> ran{false};
};

Task<> block(ThreadPool pool, Blocker& blocker) {
  co_await pool.run([&blocker, kept = Counted()] {
    blocker.block();
    EXPECT_TRUE(kept.intact());
  });
}
Task<> mark(ThreadPool pool, std::atomic<bool>& ran) {
  co_await pool.run([&ran, kept = Counted()] { ran = kept.intact(); });
}

TEST_F(PoolCancelTest, CancelledWhileQueuedIsRemovedAndNeverRuns) {
  Root first(block(pool, blocker));
  Root second(mark(pool, ran));
  first.start();
  blocker.wait_until_begun();
  second.start();
  EXPECT_EQ(pool.queued(), 1U);
  second.cancel(CancelReason::deadline);
  EXPECT_EQ(pool.queued(), 0U);
  run_until_done(fake, second);  // while the first still runs
  EXPECT_EQ(second.cancelled(), CancelReason::deadline);
  blocker.let_go();
  run_until_done(fake, first);
  EXPECT_FALSE(ran);
}

TEST_F(PoolCancelTest, CancelledBeforeItIsSubmittedNeverRuns) {
  Root root(mark(pool, ran));
  root.cancel();
  root.start();
  EXPECT_TRUE(root.done());
  EXPECT_EQ(root.cancelled(), CancelReason::user);
  EXPECT_FALSE(ran);
}

TEST_F(PoolCancelTest, CancelledWhileRunningWaitsForTheJobAndThrows) {
  Root root(block(pool, blocker));
  root.start();
  blocker.wait_until_begun();
  root.cancel(CancelReason::shutdown);
  for (int i = 0; i < 3; ++i) fake.loop.turn(false);
  EXPECT_FALSE(root.done());
  blocker.let_go();
  run_until_done(fake, root);
  EXPECT_TRUE(blocker.ended());
  EXPECT_EQ(root.cancelled(), CancelReason::shutdown);
}

TEST_F(PoolCancelTest, CancelledWhenItsEndIsOnTheWayThrows) {
  Root first(mark(pool, ran));
  Root second(block(pool, blocker));
  first.start();
  second.start();
  blocker.wait_until_begun();  // so the first job has been handed to the loop
  first.cancel();
  run_until_done(fake, first);
  EXPECT_EQ(first.cancelled(), CancelReason::user);
  EXPECT_TRUE(ran);
  blocker.let_go();
  run_until_done(fake, second);
}

TEST_F(PoolCancelTest, DestroyedWhileQueuedNeverRuns) {
  Root first(block(pool, blocker));
  Root second(mark(pool, ran));
  first.start();
  blocker.wait_until_begun();
  second.start();
  second.destroy();
  EXPECT_EQ(pool.queued(), 0U);
  blocker.let_go();
  run_until_done(fake, first);
  EXPECT_FALSE(ran);
}

TEST_F(PoolCancelTest, DestroyedInTheMiddleOfTheQueueLeavesTheOthersInOrder) {
  Root first(block(pool, blocker));
  Root second(mark(pool, ran));
  Root victim(mark(pool, ran));
  std::atomic<bool> last_ran{false};
  Root last(mark(pool, last_ran));
  first.start();
  blocker.wait_until_begun();
  for (Root* each : {&second, &victim, &last}) each->start();
  victim.destroy();
  EXPECT_EQ(pool.queued(), 2U);
  blocker.let_go();
  run_until_done(fake, last);
  EXPECT_TRUE(second.done());
  EXPECT_TRUE(ran && last_ran);
}

TEST_F(PoolCancelTest, DestroyedWhileRunningWaitsForTheJob) {
  Root root(block(pool, blocker));
  root.start();
  blocker.wait_until_begun();
  std::thread releaser([this] { blocker.let_go(); });
  root.destroy();
  EXPECT_TRUE(blocker.ended());
  releaser.join();
  fake.loop.turn(false);
}

TEST_F(PoolCancelTest, CancelledAndThenDestroyedWhileRunningWaitsForTheJob) {
  Root root(block(pool, blocker));
  root.start();
  blocker.wait_until_begun();
  root.cancel();
  std::thread releaser([this] { blocker.let_go(); });
  root.destroy();
  EXPECT_TRUE(blocker.ended());
  releaser.join();
  fake.loop.turn(false);
}

TEST_F(PoolCancelTest, DestroyedWhenItsEndIsOnTheWayIsNotTold) {
  Root first(mark(pool, ran));
  Root second(block(pool, blocker));
  first.start();
  second.start();
  blocker.wait_until_begun();
  first.destroy();
  EXPECT_TRUE(ran);
  blocker.let_go();
  run_until_done(fake, second);
}

TEST_F(PoolCancelTest, OthersEndIsNotLostWhenOneIsDestroyedAtTheTurnsEnd) {
  struct Later final : detail::ReadyNode {
    explicit Later(std::function<void()> what) : function(std::move(what)) {}
    void on_ready() override { function(); }
    std::function<void()> function;
  };
  Root first(mark(pool, ran));
  std::atomic<bool> second_ran{false};
  Root second(mark(pool, second_ran));
  Root third(block(pool, blocker));
  Later destroyer([&] {
    for (Root* each : {&first, &second, &third}) each->start();
    blocker.wait_until_begun();  // the ends of two are on the way
    first.destroy();
  });
  fake.loop.run_later(destroyer);
  fake.loop.turn(false);
  run_until_done(fake, second);
  blocker.let_go();
  run_until_done(fake, third);
}

TEST_F(PoolCancelTest, RacesWithTheJobsEndAreHarmless) {
  // Each round meets the job somewhere else: queued, running, ended, told.
  std::atomic<int> spin{0};
  for (int round = 0; round < 2000; ++round) {
    Root root([](ThreadPool own, std::atomic<int>& count) -> Task<> {
      Counted local;
      co_await own.run([&count, kept = local] { count += kept.intact(); });
    }(pool, spin));
    root.start();
    for (int i = 0; i < round % 50; ++i) std::this_thread::yield();
    if (round % 3 == 0) fake.loop.turn(false);
    if (round % 2 == 0) {
      root.destroy();
    } else {
      root.cancel();
      run_until_done(fake, root);
    }
  }
}

}  // namespace
}  // namespace brigade
