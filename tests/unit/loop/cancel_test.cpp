#include <gtest/gtest.h>
#include <brigade/sleep.hpp>
#include <brigade/when.hpp>
#include "support/counted.hpp"
#include "support/gate.hpp"
#include "support/root.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace brigade {
namespace {

using std::chrono::hours;
using testing_support::Counted;
using testing_support::FakeLoop;
using testing_support::Gate;
using testing_support::Root;

class CancelTest : public testing_support::NothingLeft {
 protected:
  FakeLoop fake;
  Gate gate;
};

Task<> wait_at(Gate& gate) {
  co_await gate.passage();
}

TEST_F(CancelTest, MakesTheCurrentAwaitThrowWithTheReason) {
  Root root(wait_at(gate));
  root.start();
  root.cancel(CancelReason::deadline);
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::deadline);
}

TEST_F(CancelTest, DoesNotRunTheTaskInsideTheCallToCancel) {
  Root root(wait_at(gate));
  root.start();
  root.cancel();
  EXPECT_FALSE(root.done());
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::user);
}

TEST_F(CancelTest, IsThrownAgainByTheNextAwaitWhenItIsSwallowed) {
  std::vector<CancelReason> seen;
  Root root([](Gate& at, std::vector<CancelReason>& reasons) -> Task<> {
    for (int i = 0; i < 3; ++i) {
      try {
        co_await at.passage();
      } catch (const Cancelled& caught) {
        reasons.push_back(caught.reason());
      }
    }
    try {
      co_await sleep(hours(1));
    } catch (const Cancelled& caught) {
      reasons.push_back(caught.reason());
    }
  }(gate, seen));
  root.start();
  root.cancel(CancelReason::shutdown);
  run_until_done(fake, root);
  EXPECT_EQ(seen, std::vector<CancelReason>(4, CancelReason::shutdown));
  EXPECT_EQ(fake.elapsed(), Duration::zero());
}

TEST_F(CancelTest, BeforeTheStartIsSeenByTheFirstAwait) {
  bool began = false;
  Root root([](Gate& at, bool& seen) -> Task<> {
    seen = true;
    co_await at.passage();
  }(gate, began));
  root.cancel(CancelReason::overload);
  root.start();
  EXPECT_TRUE(began);
  EXPECT_TRUE(root.done());
  EXPECT_EQ(root.cancelled(), CancelReason::overload);
}

TEST_F(CancelTest, InTheSameTickAsTheEventWins) {
  Root root(wait_at(gate));
  root.start();
  gate.open();
  root.cancel();
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::user);
}

TEST_F(CancelTest, AfterTheEndChangesNothing) {
  Root root(wait_at(gate));
  root.start();
  gate.open();
  run_until_done(fake, root);
  root.cancel();
  EXPECT_NO_THROW(root.result());
}

TEST_F(CancelTest, KeepsTheFirstReason) {
  Root root(wait_at(gate));
  root.start();
  root.cancel(CancelReason::client_gone);
  root.cancel(CancelReason::shutdown);
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::client_gone);
}

TEST_F(CancelTest, WhileTheBudgetIsSpentIsSeenByTheNextAwait) {
  Root root([](Gate& at) -> Task<> {
    for (int i = 0; i < 2 * Loop::budget; ++i) {
      co_await [](Gate& unused) -> Task<> {
        static_cast<void>(unused);
        co_return;
      }(at);
    }
    co_await at.passage();
  }(gate));
  root.start();
  root.cancel();
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::user);
}

TEST_F(CancelTest, ReachesAChildThatIsAwaitedThroughOthers) {
  bool child_saw_it = false;
  Root root([](Gate& at, bool& seen) -> Task<> {
    co_await [](Gate& inner, bool& noticed) -> Task<> {
      try {
        co_await wait_at(inner);
      } catch (const Cancelled&) {
        noticed = true;
        throw;
      }
    }(at, seen);
  }(gate, child_saw_it));
  root.start();
  root.cancel();
  run_until_done(fake, root);
  EXPECT_TRUE(child_saw_it);
}

TEST_F(CancelTest, OfAScopeReachesItsChildrenWithTheReason) {
  detail::TaskScope parent("parent", nullptr);
  detail::TaskScope child("child", &parent);
  detail::TaskScope grandchild("grandchild", &child);
  parent.cancel(CancelReason::deadline);
  EXPECT_EQ(grandchild.reason(), CancelReason::deadline);
}

TEST_F(CancelTest, OfAScopeIsInheritedByThoseBornLater) {
  detail::TaskScope parent("parent", nullptr);
  parent.cancel(CancelReason::shutdown);
  const detail::TaskScope child("child", &parent);
  EXPECT_EQ(child.reason(), CancelReason::shutdown);
}

TEST_F(CancelTest, OfAChildLeavesItsParentAlone) {
  detail::TaskScope parent("parent", nullptr);
  detail::TaskScope child("child", &parent);
  child.cancel(CancelReason::user);
  EXPECT_FALSE(parent.cancelled());
}

TEST_F(CancelTest, OfAScopeWhoseChildIsGoneIsSafe) {
  detail::TaskScope parent("parent", nullptr);
  {
    const detail::TaskScope child("child", &parent);
  }
  parent.cancel(CancelReason::user);
  EXPECT_TRUE(parent.cancelled());
}

TEST_F(CancelTest, ReasonIsInTheMessage) {
  EXPECT_EQ(std::string(Cancelled(CancelReason::deadline).what()), "cancelled: deadline");
  EXPECT_EQ(std::string(Cancelled(CancelReason::client_gone).what()), "cancelled: client gone");
}

}  // namespace
}  // namespace brigade
