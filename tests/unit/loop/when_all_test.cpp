#include <gtest/gtest.h>
#include <brigade/sleep.hpp>
#include <brigade/when.hpp>
#include "support/counted.hpp"
#include "support/gate.hpp"
#include "support/root.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace brigade {
namespace {

using std::chrono::milliseconds;
using testing_support::Counted;
using testing_support::FakeLoop;
using testing_support::Gate;
using testing_support::Root;

class WhenAllTest : public testing_support::NothingLeft {
 protected:
  FakeLoop fake;
  Gate gate;
};

Task<int> number(int value, int after_ms) {
  co_await sleep(milliseconds(after_ms));
  co_return value;
}
Task<int> number_now(int value) {
  co_return value;
}
Task<std::string> word(std::string value) {
  co_return value;
}
Task<std::unique_ptr<int>> box(int value) {
  co_return std::make_unique<int>(value);
}
Task<> wait_at(Gate& gate) {
  co_await gate.passage();
}
Task<int> fail(const char* what, int after_ms) {
  co_await sleep(milliseconds(after_ms));
  throw std::runtime_error(what);
}
Task<int> fail_now(const char* what) {
  throw std::runtime_error(what);
  co_return 0;
}
// Takes its time to end when it is cancelled, and says that it did.
Task<int> slow_to_end(bool& ended) {
  Counted kept;
  try {
    co_await sleep(std::chrono::hours(1));
  } catch (const Cancelled&) {
    ended = true;
    throw;
  }
  co_return 0;
}

TEST_F(WhenAllTest, ReturnsEachResultAtItsPlace) {
  const auto got = fake.loop.run([]() -> Task<std::tuple<int, std::string, std::unique_ptr<int>>> {
    co_return co_await when_all(number(1, 30), word("two"), box(3));
  }());
  EXPECT_EQ(std::get<0>(got), 1);
  EXPECT_EQ(std::get<1>(got), "two");
  EXPECT_EQ(*std::get<2>(got), 3);
}

TEST_F(WhenAllTest, RunsItsTasksSideBySide) {
  fake.loop.run([]() -> Task<> {
    auto both = co_await when_all(number(1, 100), number(2, 100));
    EXPECT_EQ(both, std::make_tuple(1, 2));
  }());
  EXPECT_LE(fake.elapsed(), milliseconds(101));
}

TEST_F(WhenAllTest, GivesMonostateForATaskThatReturnsNothing) {
  gate.open();
  const auto got = fake.loop.run([](Gate& at) -> Task<std::tuple<std::monostate, int>> {
    co_return co_await when_all(wait_at(at), number_now(2));
  }(gate));
  EXPECT_EQ(std::get<1>(got), 2);
}

TEST_F(WhenAllTest, OfAVectorKeepsItsOrder) {
  const auto got = fake.loop.run([]() -> Task<std::vector<int>> {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(number(i, 50 - 10 * i));
    co_return co_await when_all(std::move(tasks));
  }());
  EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(WhenAllTest, OfNothingReturnsAtOnce) {
  const auto got = fake.loop.run([]() -> Task<std::vector<int>> {
    co_await when_all();
    co_return co_await when_all(std::vector<Task<int>>());
  }());
  EXPECT_TRUE(got.empty());
  EXPECT_TRUE(fake.poller->timeouts.empty());
}

TEST_F(WhenAllTest, DoesNotSuspendWhereNoTaskDoes) {
  fake.loop.run([]() -> Task<> { co_await when_all(number_now(1), number_now(2)); }());
  EXPECT_TRUE(fake.poller->timeouts.empty());
}

TEST_F(WhenAllTest, ThatNeverSuspendsStillLetsTheLoopTurnNowAndThen) {
  fake.loop.run([]() -> Task<> {
    for (int i = 0; i < 3 * Loop::budget; ++i) co_await when_all();
  }());
  EXPECT_FALSE(fake.poller->timeouts.empty());
}

TEST_F(WhenAllTest, FirstErrorCancelsTheRestAndWaitsForThem) {
  bool ended = false;
  Root root([](bool& flag) -> Task<> {
    co_await when_all(slow_to_end(flag), fail("first", 10), fail("second", 5000));
  }(ended));
  root.start();
  run_until_done(fake, root);
  EXPECT_TRUE(ended);
  EXPECT_LE(fake.elapsed(), milliseconds(11));
  try {
    root.result();
    FAIL() << "no exception";
  } catch (const std::runtime_error& caught) {
    EXPECT_STREQ(caught.what(), "first");
  }
}

// Not an operation of the library: cancellation does not end it, so its task ends late.
struct Uninterruptible final : detail::ReadyNode {
  explicit Uninterruptible(int turns) : left(turns) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    waiter = handle;
    detail::run_later(*this);
  }
  void await_resume() const noexcept {}
  void on_ready() override {
    if (--left > 0) return detail::run_later(*this);
    waiter.resume();
  }
  int left;
  std::coroutine_handle<> waiter;
};

TEST_F(WhenAllTest, WaitsForACancelledTaskThatCleansUpSlowly) {
  bool cleaned = false;
  bool seen_by_waiter = false;
  Root root([](bool& done, bool& seen) -> Task<> {
    auto slow = [](bool& out) -> Task<> {
      try {
        co_await sleep(std::chrono::hours(1));
      } catch (const Cancelled&) {
      }
      co_await Uninterruptible(10);
      out = true;
    };
    try {
      co_await when_all(slow(done), fail("now", 1));
    } catch (const std::runtime_error&) {
      seen = done;
    }
  }(cleaned, seen_by_waiter));
  root.start();
  run_until_done(fake, root);
  EXPECT_TRUE(seen_by_waiter);
}

TEST_F(WhenAllTest, ErrorOfATaskThatDoesNotSuspendKeepsLaterOnesFromStarting) {
  bool began = false;
  const auto late = [](bool& flag) -> Task<> {
    flag = true;
    co_return;
  };
  EXPECT_THROW(fake.loop.run([](auto third, bool& flag, Gate& at) -> Task<> {
    co_await when_all(wait_at(at), fail_now("at once"), third(flag));
  }(late, began, gate)),
               std::runtime_error);
  EXPECT_FALSE(began);
}

TEST_F(WhenAllTest, OfAVectorRethrowsTheFirstError) {
  bool ended = false;
  Root root([](bool& flag) -> Task<> {
    std::vector<Task<int>> tasks;
    tasks.push_back(slow_to_end(flag));
    tasks.push_back(fail("first", 10));
    co_await when_all(std::move(tasks));
  }(ended));
  root.start();
  run_until_done(fake, root);
  EXPECT_THROW(root.result(), std::runtime_error);
  EXPECT_TRUE(ended);
}

TEST_F(WhenAllTest, CancelledFromOutsideCancelsAllWithTheReasonAndWaits) {
  bool first = false;
  bool second = false;
  Root root([](bool& a, bool& b) -> Task<> { co_await when_all(slow_to_end(a), slow_to_end(b)); }(
                                     first, second));
  root.start();
  root.cancel(CancelReason::client_gone);
  run_until_done(fake, root);
  EXPECT_TRUE(first && second);
  EXPECT_EQ(root.cancelled(), CancelReason::client_gone);
}

TEST_F(WhenAllTest, InACancelledTaskStartsNothing) {
  bool began = false;
  Root root([](bool& flag) -> Task<> {
    co_await when_all([](bool& out) -> Task<> {
      out = true;
      co_return;
    }(flag));
  }(began));
  root.cancel();
  root.start();
  EXPECT_TRUE(root.done());
  EXPECT_FALSE(began);
  EXPECT_EQ(root.cancelled(), CancelReason::user);
}

Task<> nest(int levels, bool& ended) {
  if (levels == 0) {
    co_await slow_to_end(ended);
  } else {
    co_await when_all(nest(levels - 1, ended), number(1, 5));
  }
}

TEST_F(WhenAllTest, NestedIsCancelledToTheInnermost) {
  bool ended = false;
  Root root(nest(5, ended));
  root.start();
  fake.loop.turn(true);
  root.cancel(CancelReason::deadline);
  run_until_done(fake, root);
  EXPECT_TRUE(ended);
  EXPECT_EQ(root.cancelled(), CancelReason::deadline);
}

TEST_F(WhenAllTest, BranchMayCancelTheWholeTaskWhileItStarts) {
  Root* whole = nullptr;
  bool first = false;
  bool third = false;
  Root root([](Root*& all, bool& a, bool& c) -> Task<> {
    auto canceller = [](Root*& target) -> Task<int> {
      target->cancel(CancelReason::shutdown);
      co_await sleep(std::chrono::hours(1));
      co_return 0;
    };
    co_await when_all(slow_to_end(a), canceller(all), slow_to_end(c));
  }(whole, first, third));
  whole = &root;
  root.start();
  run_until_done(fake, root);
  EXPECT_TRUE(first);
  EXPECT_FALSE(third);  // it was cancelled before its start
  EXPECT_EQ(root.cancelled(), CancelReason::shutdown);
}

TEST_F(WhenAllTest, ThatIsNeverAwaitedRunsNothing) {
  bool ended = false;
  {
    const auto unused = when_all(slow_to_end(ended), slow_to_end(ended));
  }
  EXPECT_FALSE(ended);
}

}  // namespace
}  // namespace brigade
