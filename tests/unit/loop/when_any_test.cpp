#include <gtest/gtest.h>
#include <brigade/sleep.hpp>
#include <brigade/when.hpp>
#include "support/counted.hpp"
#include "support/gate.hpp"
#include "support/root.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <variant>

namespace brigade {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing_support::Counted;
using testing_support::FakeLoop;
using testing_support::Gate;
using testing_support::Root;

class WhenAnyTest : public testing_support::NothingLeft {
 protected:
  FakeLoop fake;
};

Task<int> number(int value, int after_ms) {
  Counted kept;
  co_await sleep(milliseconds(after_ms));
  co_return value;
}
Task<std::string> word_now(std::string value) {
  co_return value;
}
Task<int> fail(int after_ms) {
  co_await sleep(milliseconds(after_ms));
  throw std::runtime_error("on purpose");
}
Task<int> note_cancel(CancelReason& reason) {
  try {
    co_await sleep(hours(1));
  } catch (const Cancelled& caught) {
    reason = caught.reason();
    throw;
  }
  co_return 0;
}

TEST_F(WhenAnyTest, ReturnsTheWinnersResultAtItsPlace) {
  const auto got = fake.loop.run([]() -> Task<std::variant<int, int>> {
    co_return co_await when_any(number(1, 500), number(2, 20));
  }());
  EXPECT_EQ(got.index(), 1U);
  EXPECT_EQ(std::get<1>(got), 2);
  EXPECT_LE(fake.elapsed(), milliseconds(21));
}

TEST_F(WhenAnyTest, CancelsTheLosersAndWaitsForThem) {
  CancelReason reason = CancelReason::none;
  fake.loop.run([](CancelReason& seen) -> Task<> {
    co_await when_any(note_cancel(seen), number(2, 20));
    EXPECT_EQ(seen, CancelReason::user);  // it has ended already
  }(reason));
  EXPECT_EQ(reason, CancelReason::user);
}

TEST_F(WhenAnyTest, DoesNotStartWhatComesAfterATaskThatWonAtOnce) {
  bool began = false;
  const auto got = fake.loop.run([](bool& flag) -> Task<std::variant<std::string, std::monostate>> {
    auto late = [](bool& out) -> Task<> {
      out = true;
      co_return;
    };
    co_return co_await when_any(word_now("one"), late(flag));
  }(began));
  EXPECT_EQ(std::get<0>(got), "one");
  EXPECT_FALSE(began);
}

TEST_F(WhenAnyTest, LastTaskMayWinAtOnceAndTheEarlierOnesAreCancelled) {
  CancelReason reason = CancelReason::none;
  const auto got = fake.loop.run([](CancelReason& seen) -> Task<std::variant<int, std::string>> {
    co_return co_await when_any(note_cancel(seen), word_now("two"));
  }(reason));
  EXPECT_EQ(std::get<1>(got), "two");
  EXPECT_EQ(reason, CancelReason::user);
}

TEST_F(WhenAnyTest, ThrowsTheWinnersException) {
  EXPECT_THROW(fake.loop.run([]() -> Task<> { co_await when_any(number(1, 100), fail(10)); }()),
               std::runtime_error);
}

TEST_F(WhenAnyTest, IgnoresTheExceptionOfALoser) {
  const auto got = fake.loop.run([]() -> Task<std::variant<int, int>> {
    auto fails_when_cancelled = []() -> Task<int> {
      try {
        co_await sleep(hours(1));
      } catch (const Cancelled&) {
      }
      throw std::runtime_error("while cleaning up");
    };
    co_return co_await when_any(number(1, 10), fails_when_cancelled());
  }());
  EXPECT_EQ(std::get<0>(got), 1);
}

TEST_F(WhenAnyTest, OfTwoThatEndInOneTurnTheFirstWins) {
  const auto got = fake.loop.run([]() -> Task<std::variant<int, int>> {
    co_return co_await when_any(number(1, 10), number(2, 10));
  }());
  EXPECT_EQ(got.index(), 0U);
}

TEST_F(WhenAnyTest, WithASleepIsATimeLimit) {
  const auto got = fake.loop.run([]() -> Task<std::variant<int, std::monostate>> {
    co_return co_await when_any(number(1, 5000), as_task(sleep(milliseconds(50))));
  }());
  EXPECT_EQ(got.index(), 1U);
  EXPECT_LE(fake.elapsed(), milliseconds(51));
}

TEST_F(WhenAnyTest, CancelledFromOutsideCancelsAllWithTheReasonAndWaits) {
  CancelReason first = CancelReason::none;
  CancelReason second = CancelReason::none;
  Root root([](CancelReason& a, CancelReason& b) -> Task<> {
    co_await when_any(note_cancel(a), note_cancel(b));
  }(first, second));
  root.start();
  root.cancel(CancelReason::deadline);
  run_until_done(fake, root);
  EXPECT_EQ(first, CancelReason::deadline);
  EXPECT_EQ(second, CancelReason::deadline);
  EXPECT_EQ(root.cancelled(), CancelReason::deadline);
}

TEST_F(WhenAnyTest, DestroyedWhileItWaitsForLosersIsSafe) {
  Root root([]() -> Task<> { co_await when_any(number(1, 10), number(2, 500), number(3, 600)); }());
  root.start();
  fake.loop.turn(true);  // the winner ends; the losers are told, and not heard yet
  root.destroy();
  fake.loop.turn(false);
}

}  // namespace
}  // namespace brigade
