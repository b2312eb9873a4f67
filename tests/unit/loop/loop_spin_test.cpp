// A loop whose mail comes quickly looks out for more for a moment before it sleeps.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <brigade/loop.hpp>
#include <brigade/sleep.hpp>
#include <brigade/system.hpp>
#include "support/counted.hpp"
#include "support/fake_loop.hpp"
#include "support/patience.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

namespace brigade {
namespace {

using namespace std::chrono_literals;
using testing_support::FakeLoop;

// On the fake clock every sleep is a short one: time stands still while the loop waits for mail.
class LoopSpinTest : public testing_support::NothingLeft {
 protected:
  void SetUp() override {
    if (available_parallelism() < 2) GTEST_SKIP() << "there is nobody to wait for on one CPU";
  }
  /// A turn whose sleep is ended by mail.
  static void sleep_until_mail(FakeLoop& fake) {
    fake.poller->in_next_wait = [&] { fake.loop.post([] {}); };
    fake.loop.turn(true);
  }
  /// Waits that asked the kernel to sleep in a turn with nothing to do but a far timer; a turn that
  /// spins looks at the descriptors before that.
  static std::size_t looks_in_a_quiet_turn(FakeLoop& fake) {
    struct Alarm final : Timer {
      void on_timer() override {}
    } alarm;
    fake.loop.arm(alarm, 1h);
    fake.poller->timeouts.clear();
    fake.loop.turn(true);
    EXPECT_GT(fake.poller->timeouts.back(), 0);  // it sleeps in the end
    return fake.poller->timeouts.size() - 1;
  }
};

struct Listener final : Watcher {
  explicit Listener(std::function<void()> what) : function(std::move(what)) {}
  void on_event(std::uint32_t) override { function(); }
  std::function<void()> function;
};

TEST_F(LoopSpinTest, LoopThatHasHadNoQuickMailDoesNotSpin) {
  FakeLoop fake;
  EXPECT_EQ(looks_in_a_quiet_turn(fake), 0U);
}

TEST_F(LoopSpinTest, LoopThatHasHadQuickMailSpinsBeforeItSleeps) {
  FakeLoop fake;
  sleep_until_mail(fake);
  EXPECT_GT(looks_in_a_quiet_turn(fake), 0U);
}

TEST_F(LoopSpinTest, LoopGivesUpSpinningThatLeadsToNothing) {
  FakeLoop fake;
  for (int i = 0; i < 100; ++i) sleep_until_mail(fake);
  int spins = 0;
  while (looks_in_a_quiet_turn(fake) > 0 && spins < 1000) ++spins;
  EXPECT_GT(spins, 0);
  EXPECT_LE(spins, 16);
  EXPECT_EQ(looks_in_a_quiet_turn(fake), 0U);
}

TEST_F(LoopSpinTest, SpinThatSeesADescriptorDoesNotSleep) {
  FakeLoop fake;
  sleep_until_mail(fake);
  const Fd event(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  int seen = 0;
  Listener listener([&] { ++seen; });
  ASSERT_TRUE(fake.loop.watch(event.get(), EPOLLIN, listener));
  fake.poller->timeouts.clear();
  fake.loop.turn(true);
  EXPECT_EQ(seen, 1);
  for (const int timeout : fake.poller->timeouts) EXPECT_EQ(timeout, 0);
  fake.loop.unwatch(event.get(), listener);
}

TEST_F(LoopSpinTest, NoMailIsLostWhetherTheLoopSleepsSpinsOrIsAwake) {
  Loop loop;
  constexpr int rounds = 500;
  std::atomic<int> asked{0};
  std::atomic<int> answered{0};
  std::thread other([&] {
    const testing_support::Deadline deadline;
    for (int i = 1; i <= rounds && !deadline.passed(); ++i) {
      asked = i;
      loop.post([&] { ++answered; });
      while (answered < i && !deadline.passed()) std::this_thread::yield();
    }
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  EXPECT_EQ(answered, rounds);
}

TEST_F(LoopSpinTest, TimeSpentSpinningCountsAsIdle) {
  FakeLoop fake;
  sleep_until_mail(fake);
  std::uint64_t since = 1;
  fake.poller->in_next_wait = [&] { since = fake.loop.meter().busy_since_ns.get(); };
  looks_in_a_quiet_turn(fake);
  EXPECT_EQ(since, 0U);
}

}  // namespace
}  // namespace brigade
