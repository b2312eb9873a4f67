// One body with every kind of suspension, cut off at each of its points in turn: cancelled,
// destroyed, cancelled and then destroyed. What is left over is found by the fixture and the
// sanitizers.
#include <gtest/gtest.h>
#include <brigade/log.hpp>
#include <brigade/sleep.hpp>
#include <brigade/task_group.hpp>
#include <brigade/thread_pool.hpp>
#include <brigade/when.hpp>
#include "support/counted.hpp"
#include "support/root.hpp"

#include <chrono>
#include <tuple>
#include <vector>

namespace brigade {
namespace {

using std::chrono::milliseconds;
using testing_support::at_each_suspension;
using testing_support::Counted;
using testing_support::FakeLoop;
using testing_support::Root;

class SuspensionPoints : public testing_support::NothingLeft {
 protected:
  SuspensionPoints() { log::set_level(log::Level::off); }  // each destroyed group says so
  ~SuspensionPoints() override { log::set_level(log::Level::info); }
  ThreadPool pool{{.threads = 1}};
};

Task<int> nap(Counted kept, int ms) {
  co_await sleep(milliseconds(ms));
  co_return kept.intact() ? ms : 0;
}

Task<> stubborn(Counted kept) {
  try {
    co_await sleep(milliseconds(50));
  } catch (const Cancelled&) {
  }
  co_await yield();
  static_cast<void>(kept);
}

Task<> leave(TaskGroup& group) {
  group.spawn(stubborn(Counted()), "stubborn");
  group.spawn(call([kept = Counted()]() -> Task<> {
    co_await sleep(milliseconds(3));
    co_await yield();
  }));
  co_await group.join();
}

Task<> everything(ThreadPool pool) {
  Counted local;
  co_await yield();
  co_await yield();
  co_await sleep(milliseconds(5));
  auto both = co_await when_all(nap(local, 3), nap(Counted(), 7));
  EXPECT_EQ(std::get<0>(both) + std::get<1>(both), 10);
  co_await yield();
  std::vector<Task<int>> naps;
  for (int i = 1; i <= 3; ++i) naps.push_back(nap(local, i));
  auto all = co_await when_all(std::move(naps));
  EXPECT_EQ(all.size(), 3U);
  auto first = co_await when_any(nap(local, 100), nap(Counted(), 2), stubborn(local));
  EXPECT_EQ(first.index(), 1U);
  TaskGroup group;
  co_await leave(group);
  co_await yield();
  const bool intact =
      co_await pool.run([local](Counted other) { return other.intact() && local.intact(); }, local);
  EXPECT_TRUE(intact);
  co_await yield();
}

TEST_F(SuspensionPoints, OfABodyThatIsLeftAloneAreAllPassed) {
  FakeLoop fake;
  Root root(everything(pool));
  root.start();
  run_until_done(fake, root);
  EXPECT_NO_THROW(root.result());
}

TEST_F(SuspensionPoints, MayEachBeCancelled) {
  const int points = at_each_suspension([this] { return everything(pool); },
                                        [](FakeLoop& fake, Root& root) {
                                          root.cancel(CancelReason::deadline);
                                          run_until_done(fake, root);
                                          EXPECT_EQ(root.cancelled(), CancelReason::deadline);
                                        });
  EXPECT_GT(points, 12);
}

TEST_F(SuspensionPoints, MayEachBeDestroyed) {
  const int points = at_each_suspension([this] { return everything(pool); },
                                        [](FakeLoop& fake, Root& root) {
                                          root.destroy();
                                          EXPECT_EQ(Counted::live, 0);
                                          EXPECT_EQ(detail::live_frames(), 0);
                                          fake.loop.turn(false);
                                        });
  EXPECT_GT(points, 12);
}

TEST_F(SuspensionPoints, MayEachBeCancelledAndThenDestroyed) {
  at_each_suspension([this] { return everything(pool); },
                     [](FakeLoop& fake, Root& root) {
                       root.cancel();
                       root.destroy();
                       fake.loop.turn(false);
                     });
}

TEST_F(SuspensionPoints, MayEachBeDestroyedOneTurnAfterTheyWereCancelled) {
  at_each_suspension([this] { return everything(pool); },
                     [](FakeLoop& fake, Root& root) {
                       root.cancel();
                       if (!root.done()) fake.loop.turn(false);
                       root.destroy();
                       fake.loop.turn(false);
                     });
}

}  // namespace
}  // namespace brigade
