#include <gtest/gtest.h>
#include <brigade/timer.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace brigade {
namespace {

struct Alarm final : Timer {
  explicit Alarm(std::function<void()> function) : on_fire(std::move(function)) {}
  void on_timer() override { on_fire(); }
  std::function<void()> on_fire;
};

struct Counter final : Timer {
  void on_timer() override { ++fired; }
  int fired = 0;
};

// Follows next() until the wheel is empty; returns where it stopped.
std::vector<std::uint64_t> stops(TimerWheel& wheel) {
  std::vector<std::uint64_t> out;
  while (const auto next = wheel.next()) {
    out.push_back(*next);
    wheel.advance(*next);
  }
  return out;
}

TEST(TimerWheel, HasNothingToDoWhileItIsEmpty) {
  TimerWheel wheel;
  EXPECT_EQ(wheel.next(), std::nullopt);
  wheel.advance(1'000'000);
  EXPECT_EQ(wheel.next(), std::nullopt);
  EXPECT_EQ(wheel.elapsed(), 1'000'000U);
}

TEST(TimerWheel, FiresAtItsMillisecondAndOnce) {
  TimerWheel wheel;
  Counter timer;
  wheel.arm(timer, 50);
  wheel.advance(49);
  EXPECT_EQ(timer.fired, 0);
  wheel.advance(50);
  EXPECT_EQ(timer.fired, 1);
  EXPECT_FALSE(timer.armed());
  wheel.advance(5000);
  EXPECT_EQ(timer.fired, 1);
}

TEST(TimerWheel, FiresWhatIsPastAtTheNextAdvance) {
  TimerWheel wheel;
  wheel.advance(1000);
  Counter timer;
  wheel.arm(timer, 10);
  EXPECT_EQ(timer.fired, 0);
  EXPECT_EQ(wheel.next(), 1000U);
  wheel.advance(1000);
  EXPECT_EQ(timer.fired, 1);
}

TEST(TimerWheel, NextIsTheDeadlineWhereItIsNear) {
  TimerWheel wheel;
  wheel.advance(100);
  Counter timer;
  wheel.arm(timer, 127);
  EXPECT_EQ(wheel.next(), 127U);
}

TEST(TimerWheel, FarDeadlineCascadesInFewSteps) {
  for (const std::uint64_t deadline :
       {64ULL, 4095ULL, 4096ULL, 262'144ULL, 86'400'000ULL, 31'536'000'000ULL, (1ULL << 42) - 2}) {
    TimerWheel wheel;
    wheel.advance(1);
    Counter timer;
    wheel.arm(timer, deadline);
    const auto at = stops(wheel);
    ASSERT_FALSE(at.empty());
    EXPECT_LE(at.size(), TimerWheel::levels);
    EXPECT_EQ(timer.fired, 1);
    if (deadline < 1ULL << 41) EXPECT_EQ(at.back(), deadline);
  }
}

TEST(TimerWheel, DeadlineBeyondTheWheelIsHeldAsLongAsItReaches) {
  TimerWheel wheel;
  wheel.advance(3'600'001);
  Counter timer;
  wheel.arm(timer, std::numeric_limits<std::uint64_t>::max());
  wheel.advance(3'600'002);
  EXPECT_EQ(timer.fired, 0);
  const auto at = stops(wheel);
  EXPECT_EQ(timer.fired, 1);
  EXPECT_GT(at.back(), std::uint64_t{137} * 365 * 24 * 3600 * 1000);
}

TEST(TimerWheel, TopLevelMayWrapAround) {
  const std::uint64_t start = (std::uint64_t{1} << 42) - 1000;
  TimerWheel wheel;
  wheel.advance(start);
  Counter timer;
  wheel.arm(timer, start + 5000);
  const auto at = stops(wheel);
  EXPECT_EQ(timer.fired, 1);
  EXPECT_EQ(at.back(), start + 5000);
}

TEST(TimerWheel, FiresInTheOrderOfMillisecondsThenOfArming) {
  TimerWheel wheel;
  std::vector<int> order;
  Alarm a([&] { order.push_back(1); });
  Alarm b([&] { order.push_back(2); });
  Alarm c([&] { order.push_back(3); });
  Alarm d([&] { order.push_back(4); });
  wheel.arm(d, 5000);
  wheel.arm(b, 100);
  wheel.arm(c, 100);
  wheel.arm(a, 7);
  wheel.advance(10'000);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
}

TEST(TimerWheel, DisarmedTimerDoesNotFire) {
  TimerWheel wheel;
  Counter timer;
  for (const std::uint64_t deadline : {0ULL, 5ULL, 500ULL, 500'000ULL}) {
    wheel.arm(timer, deadline);
    wheel.disarm(timer);
    EXPECT_FALSE(timer.armed());
    EXPECT_EQ(wheel.next(), std::nullopt);
  }
  wheel.disarm(timer);  // twice is fine
  wheel.advance(1'000'000);
  EXPECT_EQ(timer.fired, 0);
}

TEST(TimerWheel, ArmingAnewReplacesTheDeadline) {
  TimerWheel wheel;
  Counter timer;
  wheel.arm(timer, 10);
  wheel.arm(timer, 5000);
  wheel.advance(4999);
  EXPECT_EQ(timer.fired, 0);
  wheel.arm(timer, 5001);
  wheel.advance(5001);
  EXPECT_EQ(timer.fired, 1);
}

TEST(TimerWheel, DestroyedTimerIsDisarmed) {
  TimerWheel wheel;
  {
    Counter timer;
    wheel.arm(timer, 10);
  }
  EXPECT_EQ(wheel.next(), std::nullopt);
  wheel.advance(20);
}

TEST(TimerWheel, TimerMayOutliveItsWheel) {
  Counter timer;
  {
    TimerWheel wheel;
    wheel.arm(timer, 10);
  }
  EXPECT_FALSE(timer.armed());
}

TEST(TimerWheel, CallbackMayArmItselfForLater) {
  TimerWheel wheel;
  int fired = 0;
  Alarm timer([&] {
    if (++fired < 5) wheel.arm(timer, wheel.elapsed() + 10);
  });
  wheel.arm(timer, 10);
  EXPECT_EQ(stops(wheel).back(), 50U);
  EXPECT_EQ(fired, 5);
}

TEST(TimerWheel, CallbackThatArmsItselfForThePastWaitsForTheNextAdvance) {
  TimerWheel wheel;
  int fired = 0;
  Alarm timer([&] {
    ++fired;
    wheel.arm(timer, 0);
  });
  wheel.arm(timer, 10);
  wheel.advance(10);
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(wheel.next(), 10U);
  wheel.advance(10);
  EXPECT_EQ(fired, 2);
}

TEST(TimerWheel, CallbackMayDisarmOrDestroyAnotherThatIsDueAtOnce) {
  TimerWheel wheel;
  Counter disarmed;
  auto destroyed = std::make_unique<Counter>();
  Counter last;
  Alarm first([&] {
    wheel.disarm(disarmed);
    destroyed.reset();
  });
  wheel.arm(first, 5);
  wheel.arm(disarmed, 5);
  wheel.arm(*destroyed, 6);
  wheel.arm(last, 6);
  wheel.advance(10);
  EXPECT_EQ(disarmed.fired, 0);
  EXPECT_EQ(last.fired, 1);
}

TEST(TimerWheel, CallbackMayPostponeAnotherThatIsDueAtOnce) {
  TimerWheel wheel;
  Counter other;
  Alarm first([&] { wheel.arm(other, 100); });
  wheel.arm(first, 5);
  wheel.arm(other, 5);
  wheel.advance(50);
  EXPECT_EQ(other.fired, 0);
  wheel.advance(100);
  EXPECT_EQ(other.fired, 1);
}

TEST(TimerWheel, CallbackMayDestroyItsOwnTimer) {
  TimerWheel wheel;
  std::unique_ptr<Alarm> timer;
  timer = std::make_unique<Alarm>([&] {
    auto keep = std::move(timer->on_fire);  // the function outlives the timer that holds it
    timer.reset();
  });
  wheel.arm(*timer, 5);
  wheel.advance(5);
  EXPECT_FALSE(timer);
}

// The wheel beside the obvious implementation: a sorted map.
class Model {
 public:
  using Key = std::pair<std::uint64_t, std::uint64_t>;  // when, then the order of arming

  explicit Model(unsigned seed) : random_(seed) {
    for (int i = 0; i < 200; ++i) make(i);
  }

  void step() {
    const int which = pick(200);
    const auto index = static_cast<std::size_t>(which);
    switch (pick(10)) {
      case 0:
        disarm(which);
        return;
      case 1:  // destroy, and make another
        forget(which);
        make(which);
        return;
      case 2:
        advance(wheel_.elapsed() + distance());
        return;
      case 3:
      case 4:
        if (const auto next = wheel_.next()) advance(*next);
        return;
      default:
        arm(*timers_[index], which);
    }
  }

  void drain() {
    for (int steps = 0; !pending_.empty(); ++steps) {
      ASSERT_LT(steps, 100'000) << "the wheel does not come to an end";
      check_next();
      advance(*wheel_.next());
    }
    EXPECT_EQ(wheel_.next(), std::nullopt);
  }

  void check_next() {
    const auto next = wheel_.next();
    ASSERT_EQ(next.has_value(), !pending_.empty());
    if (!next) return;
    ASSERT_LE(*next, pending_.begin()->first.first) << "it would wake too late";
    ASSERT_GE(*next, wheel_.elapsed());
  }
  std::uint64_t fired() const { return fired_; }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  std::uint64_t distance() {
    const std::uint64_t scales[] = {2, 64, 65, 4096, 5000, 300'000, 20'000'000, 5'000'000'000};
    return std::uniform_int_distribution<std::uint64_t>(0, scales[pick(8)])(random_);
  }

  void make(int which) {
    auto timer = std::make_unique<Alarm>([this, which] { on_fire(which); });
    if (timers_.size() <= static_cast<std::size_t>(which)) {
      timers_.push_back(std::move(timer));
      keys_.emplace_back();
    } else {
      timers_[static_cast<std::size_t>(which)] = std::move(timer);
    }
  }
  void forget(int which) {
    auto& key = keys_[static_cast<std::size_t>(which)];
    if (key) pending_.erase(*key);
    key.reset();
  }
  void disarm(int which) {
    wheel_.disarm(*timers_[static_cast<std::size_t>(which)]);
    forget(which);
  }
  void arm(Alarm& timer, int which) {
    forget(which);
    std::uint64_t deadline = wheel_.elapsed() + distance();
    if (pick(10) == 0) deadline -= std::min<std::uint64_t>(deadline, 100);  // the past
    wheel_.arm(timer, deadline);
    const Key key(std::max(deadline, wheel_.elapsed()), ++armings_);
    keys_[static_cast<std::size_t>(which)] = key;
    pending_.emplace(key, which);
  }
  void advance(std::uint64_t now) {
    const std::uint64_t before = armings_;
    wheel_.advance(now);
    // All that was due has fired, but for what callbacks armed for the past.
    if (pending_.empty() || pending_.begin()->first.second > before) return;
    ASSERT_GT(pending_.begin()->first.first, now);
  }
  void on_fire(int which) {
    ++fired_;
    auto& key = keys_[static_cast<std::size_t>(which)];
    ASSERT_TRUE(key) << "fired, and was not armed";
    ASSERT_LE(key->first, wheel_.elapsed()) << "fired early";
    ASSERT_GE(*key, last_) << "fired out of order";
    last_ = *key;
    pending_.erase(*key);
    key.reset();
    if (pick(4) == 0) {
      // What a callback arms is not part of this advance, whatever its deadline.
      arm(*timers_[static_cast<std::size_t>(which)], which);
    }
    if (pick(8) == 0) disarm(pick(200));
  }

  std::mt19937 random_;
  TimerWheel wheel_;
  std::vector<std::unique_ptr<Alarm>> timers_;
  std::vector<std::optional<Key>> keys_;
  std::map<Key, int> pending_;
  std::uint64_t armings_ = 0;
  std::uint64_t fired_ = 0;
  Key last_{0, 0};
};

TEST(TimerWheel, AgreesWithASortedMapWhateverHappens) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    for (int i = 0; i < 3000; ++i) {
      model.step();
      model.check_next();
      if (testing::Test::HasFatalFailure()) return;
    }
    model.drain();
    if (testing::Test::HasFatalFailure()) return;
    EXPECT_GT(model.fired(), 500U);
  }
}

}  // namespace
}  // namespace brigade
