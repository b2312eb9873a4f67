// Named locks, on one loop and between threads.
#include <gtest/gtest.h>
#include <brigade/locks.hpp>
#include <brigade/sleep.hpp>
#include "support/counted.hpp"
#include "support/loop_thread.hpp"
#include "support/patience.hpp"
#include "support/root.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

namespace brigade {
namespace {

using locks::Lock;
using locks::Mode;
using testing_support::eventually;
using testing_support::FakeLoop;
using testing_support::LoopThread;
using testing_support::Root;

class LocksTest : public testing_support::NothingLeft {
 protected:
  ~LocksTest() override {
    EXPECT_TRUE(locks::query().held.empty());
    EXPECT_TRUE(locks::query().pending.empty());
  }
  FakeLoop fake;
};

Task<> take(std::string name, locks::Options options, Lock& into) {
  auto lock = co_await locks::request(std::move(name), std::move(options));
  into = std::move(lock);
}

bool available(FakeLoop& fake, const std::string& name, Mode mode = Mode::exclusive) {
  Lock lock;
  fake.loop.run(take(name, {.mode = mode, .if_available = true}, lock));
  return static_cast<bool>(lock);
}

TEST_F(LocksTest, AFreeLockIsHeldAtOnce) {
  Lock lock;
  Root root(take("a", {}, lock));
  root.start();
  EXPECT_TRUE(root.done());
  EXPECT_TRUE(lock);
  EXPECT_TRUE(lock.held());
  EXPECT_FALSE(lock.stolen());
  EXPECT_EQ(lock.name(), "a");
  EXPECT_EQ(lock.mode(), Mode::exclusive);
}

TEST_F(LocksTest, TheNextInLineGetsItWhenItIsReleased) {
  Lock first;
  Lock second;
  Lock third;
  Root one(take("a", {}, first));
  Root two(take("a", {}, second));
  Root three(take("a", {}, third));
  for (Root* root : {&one, &two, &three}) root->start();
  EXPECT_FALSE(two.done());
  first.release();
  EXPECT_FALSE(first.held());
  run_until_done(fake, two);
  EXPECT_TRUE(second.held());
  EXPECT_FALSE(three.done());
  second = Lock();
  run_until_done(fake, three);
  EXPECT_TRUE(third.held());
}

TEST_F(LocksTest, LocksOfOtherNamesAreNotInTheWay) {
  Lock a;
  Lock b;
  fake.loop.run(take("a", {}, a));
  fake.loop.run(take("b", {}, b));
  EXPECT_TRUE(a.held() && b.held());
}

TEST_F(LocksTest, SharedHoldersHoldItTogether) {
  Lock first;
  Lock second;
  fake.loop.run(take("a", {.mode = Mode::shared}, first));
  fake.loop.run(take("a", {.mode = Mode::shared}, second));
  EXPECT_TRUE(first.held() && second.held());
  EXPECT_FALSE(available(fake, "a"));
  EXPECT_TRUE(available(fake, "a", Mode::shared));
}

TEST_F(LocksTest, ASharedRequestWaitsBehindAnExclusiveOne) {
  Lock reader;
  Lock writer;
  Lock late;
  fake.loop.run(take("a", {.mode = Mode::shared}, reader));
  Root write(take("a", {}, writer));
  Root read(take("a", {.mode = Mode::shared}, late));
  write.start();
  read.start();
  EXPECT_FALSE(read.done());
  reader.release();
  run_until_done(fake, write);
  EXPECT_FALSE(read.done());
  writer.release();
  run_until_done(fake, read);
}

TEST_F(LocksTest, IfAvailableGivesAnEmptyLockWhenItIsBusy) {
  Lock lock;
  fake.loop.run(take("a", {}, lock));
  Lock other;
  fake.loop.run(take("a", {.if_available = true}, other));
  EXPECT_FALSE(other);
  EXPECT_FALSE(other.held());
  EXPECT_EQ(other.name(), "");
  lock.release();
  fake.loop.run(take("a", {.if_available = true}, other));
  EXPECT_TRUE(other.held());
}

TEST_F(LocksTest, StealingTakesItFromItsHolder) {
  Lock holder;
  fake.loop.run(take("a", {}, holder));
  int told = 0;
  const std::stop_callback on_lost(holder.lost(), [&told] { ++told; });
  Lock waits;
  Root patient(take("a", {}, waits));
  patient.start();
  Lock thief;
  fake.loop.run(take("a", {.steal = true}, thief));
  EXPECT_TRUE(thief.held());
  EXPECT_FALSE(holder.held());
  EXPECT_TRUE(holder.stolen());
  EXPECT_EQ(told, 1);
  holder.release();  // it has nothing to release
  fake.loop.turn(false);
  EXPECT_FALSE(patient.done());
  thief.release();
  run_until_done(fake, patient);
  EXPECT_FALSE(thief.stolen());
}

TEST_F(LocksTest, LostIsRequestedAlsoForWhoAsksLater) {
  Lock holder;
  Lock thief;
  fake.loop.run(take("a", {}, holder));
  fake.loop.run(take("a", {.steal = true}, thief));
  EXPECT_TRUE(holder.lost().stop_requested());
  EXPECT_FALSE(thief.lost().stop_requested());
  thief.release();
  EXPECT_FALSE(thief.lost().stop_requested());
}

TEST_F(LocksTest, StealingFromSharedHoldersTakesItFromAll) {
  Lock first;
  Lock second;
  Lock thief;
  fake.loop.run(take("a", {.mode = Mode::shared}, first));
  fake.loop.run(take("a", {.mode = Mode::shared}, second));
  fake.loop.run(take("a", {.steal = true}, thief));
  EXPECT_TRUE(first.stolen() && second.stolen());
}

TEST_F(LocksTest, AStopTokenEndsTheWait) {
  Lock holder;
  fake.loop.run(take("a", {}, holder));
  std::stop_source source;
  Lock lock;
  Root root(take("a", {.stop_token = source.get_token()}, lock));
  root.start();
  source.request_stop();
  EXPECT_TRUE(locks::query().pending.empty());
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::user);
  EXPECT_FALSE(lock);
}

TEST_F(LocksTest, AStopTokenThatIsRequestedAlreadyNeverTakesTheLock) {
  std::stop_source source;
  source.request_stop();
  Lock lock;
  Root root(take("a", {.stop_token = source.get_token()}, lock));
  root.start();
  EXPECT_TRUE(root.done());
  EXPECT_EQ(root.cancelled(), CancelReason::user);
}

TEST_F(LocksTest, AStopTokenDoesNothingOnceTheLockIsHeld) {
  std::stop_source source;
  Lock lock;
  fake.loop.run(take("a", {.stop_token = source.get_token()}, lock));
  source.request_stop();
  EXPECT_TRUE(lock.held());
}

TEST_F(LocksTest, AStopThatComesAfterTheGrantIsTooLate) {
  Lock holder;
  fake.loop.run(take("a", {}, holder));
  std::stop_source source;
  Lock lock;
  Root root(take("a", {.stop_token = source.get_token()}, lock));
  root.start();
  holder.release();
  source.request_stop();
  run_until_done(fake, root);
  EXPECT_TRUE(lock.held());
}

TEST_F(LocksTest, ACancelledWaitLeavesTheLine) {
  Lock holder;
  Lock lock;
  Lock behind;
  fake.loop.run(take("a", {}, holder));
  Root root(take("a", {}, lock));
  Root next(take("a", {}, behind));
  root.start();
  next.start();
  root.cancel();
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::user);
  holder.release();
  run_until_done(fake, next);
  EXPECT_TRUE(behind.held());
}

TEST_F(LocksTest, AGrantedLockWhoseWaitIsCancelledOrDestroyedIsPassedOn) {
  for (const bool cancels : {true, false}) {
    Lock holder;
    Lock lock;
    Lock behind;
    fake.loop.run(take("a", {}, holder));
    Root root(take("a", {}, lock));
    Root next(take("a", {}, behind));
    root.start();
    next.start();
    holder.release();  // granted; the news is on its way
    if (cancels) {
      root.cancel();
      run_until_done(fake, root);
    } else {
      root.destroy();
    }
    run_until_done(fake, next);
    EXPECT_TRUE(behind.held());
    EXPECT_FALSE(lock);
  }
}

TEST_F(LocksTest, WaitingMayBeDestroyedAtEveryPoint) {
  const auto body = []() -> Task<> {
    co_await yield();
    auto one = co_await locks::request("p");
    co_await yield();
    auto two = co_await locks::request("q", {.mode = Mode::shared});
    co_await yield();
  };
  testing_support::at_each_suspension(body, [](FakeLoop&, Root& root) { root.destroy(); });
  testing_support::at_each_suspension(body, [](FakeLoop& loop, Root& root) {
    root.cancel();
    run_until_done(loop, root);
  });
}

TEST_F(LocksTest, AMovedLockIsReleasedOnce) {
  Lock lock;
  fake.loop.run(take("a", {}, lock));
  Lock moved = std::move(lock);
  EXPECT_FALSE(lock);
  EXPECT_TRUE(moved.held());
  lock.release();
  EXPECT_TRUE(moved.held());
}

TEST_F(LocksTest, RequestsThatMakeNoSenseAreRefused) {
  std::stop_source source;
  const auto token = source.get_token();
  EXPECT_THROW((void)locks::request("-mine"), std::invalid_argument);
  EXPECT_THROW((void)locks::request("a", {.mode = Mode::shared, .steal = true}),
               std::invalid_argument);
  EXPECT_THROW((void)locks::request("a", {.if_available = true, .steal = true}),
               std::invalid_argument);
  EXPECT_THROW((void)locks::request("a", {.steal = true, .stop_token = token}),
               std::invalid_argument);
  EXPECT_THROW((void)locks::request("a", {.if_available = true, .stop_token = token}),
               std::invalid_argument);
  Lock lock;
  fake.loop.run(take("", {}, lock));  // an empty name is one like any other
  EXPECT_TRUE(lock.held());
}

TEST_F(LocksTest, QueryTellsWhoHoldsAndWhoWaits) {
  LoopThread thread(LoopThread::Kind::worker);
  Lock here;
  fake.loop.run(take("a", {.mode = Mode::shared}, here));
  std::atomic<bool> got{false};
  thread.spawn([&got]() -> Task<> {
    auto lock = co_await locks::request("a");
    got = lock.held();
  });
  ASSERT_TRUE(eventually([] { return locks::query().pending.size() == 1; }));
  const locks::Snapshot all = locks::query();
  ASSERT_EQ(all.held.size(), 1U);
  EXPECT_EQ(all.held[0].name, "a");
  EXPECT_EQ(all.held[0].mode, Mode::shared);
  EXPECT_EQ(all.held[0].thread, 0U);
  EXPECT_EQ(all.pending[0].mode, Mode::exclusive);
  EXPECT_EQ(all.pending[0].thread, thread.id());
  here.release();
  EXPECT_TRUE(eventually([&got] { return got.load(); }));
}

TEST_F(LocksTest, AWorkerThreadThatEndsReleasesWhatItHolds) {
  LoopThread thread(LoopThread::Kind::worker);
  Lock theirs;  // outlives the thread
  thread.run([&theirs] { Loop::current().run(take("a", {}, theirs)); });
  Lock mine;
  Root root(take("a", {}, mine));
  root.start();
  EXPECT_FALSE(root.done());
  const std::stop_token lost = theirs.lost();
  thread.end();
  run_until_done(fake, root);
  EXPECT_TRUE(mine.held());
  EXPECT_FALSE(theirs.held());
  EXPECT_FALSE(theirs.stolen());
  EXPECT_TRUE(lost.stop_requested());
}

TEST_F(LocksTest, AnyThreadThatEndsReleasesWhatItHolds) {
  Lock theirs;
  std::thread([&theirs] {
    Loop loop;
    loop.run(take("a", {}, theirs));
  }).join();
  EXPECT_FALSE(theirs.held());
  EXPECT_TRUE(available(fake, "a"));
}

TEST_F(LocksTest, AThreadThatEndsWhileItWaitsLeavesTheLine) {
  Lock mine;
  fake.loop.run(take("a", {}, mine));
  {
    LoopThread thread;
    Lock never;
    thread.spawn([&never] { return take("a", {}, never); });
    ASSERT_TRUE(eventually([] { return locks::query().pending.size() == 1; }));
  }
  EXPECT_TRUE(locks::query().pending.empty());
}

TEST_F(LocksTest, ALockMayBeReleasedOnAnotherThread) {
  Lock lock;
  fake.loop.run(take("a", {}, lock));
  std::thread([moved = std::move(lock)]() mutable { moved.release(); }).join();
  EXPECT_TRUE(available(fake, "a"));
}

TEST_F(LocksTest, BetweenThreadsOnlyOneIsEverInside) {
  // Shared ones together, exclusive ones alone, while others give up or steal.
  struct Guarded {
    std::atomic<int> writers{0};
    std::atomic<int> readers{0};
    std::atomic<int> faults{0};
    int plain = 0;  // for TSan
    std::atomic<int> rounds{0};
  } guarded;
  const auto work = [&guarded](int seed) -> Task<> {
    for (int round = 0; round < 300; ++round) {
      const int kind = (round * 7 + seed) % 4;
      if (kind == 0) {
        auto lock = co_await locks::request("stress", {.mode = Mode::shared});
        ++guarded.readers;
        if (guarded.writers > 0) ++guarded.faults;
        co_await yield();
        if (guarded.writers > 0) ++guarded.faults;
        --guarded.readers;
      } else if (kind == 1) {
        auto lock = co_await locks::request("stress", {.if_available = true});
        if (!lock) continue;
        ++guarded.plain;
      } else {
        auto lock = co_await locks::request("stress");
        if (++guarded.writers > 1 || guarded.readers > 0) ++guarded.faults;
        ++guarded.plain;
        co_await yield();
        if (--guarded.writers > 0 || guarded.readers > 0) ++guarded.faults;
      }
    }
    ++guarded.rounds;
  };
  {
    LoopThread one;
    LoopThread two;
    for (int seed = 0; seed < 4; ++seed) {
      one.spawn([work, seed] { return work(seed); });
      two.spawn([work, seed] { return work(seed + 4); });
    }
    EXPECT_TRUE(eventually([&guarded] { return guarded.rounds == 8; }));
  }
  EXPECT_EQ(guarded.faults, 0);
}

TEST_F(LocksTest, GivingUpRacesWithTheGrantHarmlessly) {
  // Whoever wins, the lock ends up free.
  LoopThread thread;
  for (int round = 0; round < 300; ++round) {
    Lock mine;
    fake.loop.run(take("race", {}, mine));
    std::stop_source source;
    std::atomic<int> ended{0};
    thread.spawn([&ended, token = source.get_token()]() -> Task<> {
      try {
        auto lock = co_await locks::request("race", {.stop_token = token});
        ended = lock.held() ? 1 : 3;
      } catch (const Cancelled&) {
        ended = 2;
      }
    });
    if (round % 2 == 0) {
      ASSERT_TRUE(eventually([] { return locks::query().pending.size() == 1; }));
    }
    std::thread stopper([&source] { source.request_stop(); });
    mine.release();
    stopper.join();
    ASSERT_TRUE(eventually([&ended] { return ended != 0; }));
    EXPECT_NE(ended, 3);
    EXPECT_TRUE(eventually([] { return locks::query().held.empty(); }));
  }
}

}  // namespace
}  // namespace brigade
