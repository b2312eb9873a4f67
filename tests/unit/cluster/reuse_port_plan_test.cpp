#include "cluster/reuse_port_plan.hpp"

#include <gtest/gtest.h>

namespace brigade::cluster::detail {
namespace {

using Indexes = std::vector<unsigned>;

class ReusePortPlanTest : public testing::Test {
 protected:
  // Position n is served by worker 10 + n.
  ReusePortPlanTest() {
    for (std::uint32_t position = 0; position < 3; ++position) {
      plan.add(position);
      plan.join(position, 10 + position);
    }
  }
  ReusePortPlan plan;
};

TEST_F(ReusePortPlanTest, LetsTheKernelChooseWhileAllAreServed) {
  EXPECT_EQ(plan.steer_to(), Indexes{});
  EXPECT_TRUE(plan.assign().empty());
}

TEST_F(ReusePortPlanTest, PassesAPositionOverThatHasNoWorker) {
  plan.leave(11);
  EXPECT_EQ(plan.steer_to(), (Indexes{0, 2}));
}

TEST_F(ReusePortPlanTest, PassesAPositionOverWhoseWorkerIsStopped) {
  plan.stopped(12, true);
  EXPECT_EQ(plan.steer_to(), (Indexes{0, 1}));
  plan.stopped(12, false);
  EXPECT_EQ(plan.steer_to(), Indexes{});
}

TEST_F(ReusePortPlanTest, FindsAStandInForAPositionThatNobodyServes) {
  plan.leave(11);
  const auto changes = plan.assign();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].position, 1U);
  EXPECT_EQ(changes[0].before, std::nullopt);
  EXPECT_EQ(changes[0].after, 10U);
  EXPECT_TRUE(plan.assign().empty());  // said once
}

TEST_F(ReusePortPlanTest, SharesTheBurdenAmongStandIns) {
  plan.leave(11);
  plan.assign();
  plan.add(3);
  const auto changes = plan.assign();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].after, 12U);
}

TEST_F(ReusePortPlanTest, ThanksTheStandInWhenAReplacementIsThere) {
  plan.leave(11);
  plan.assign();
  plan.join(1, 21);
  const auto changes = plan.assign();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].before, 10U);
  EXPECT_EQ(changes[0].after, std::nullopt);
  EXPECT_EQ(plan.steer_to(), Indexes{});
}

TEST_F(ReusePortPlanTest, FindsAnotherWhenAStandInDies) {
  plan.leave(11);
  plan.assign();
  plan.leave(10);
  const auto changes = plan.assign();
  ASSERT_EQ(changes.size(), 2U);
  for (const auto& change : changes) EXPECT_EQ(change.after, 12U);
}

TEST_F(ReusePortPlanTest, HasNobodyToStandInWhenAllAreGone) {
  for (const std::uint64_t id : {10U, 11U, 12U}) plan.leave(id);
  EXPECT_TRUE(plan.assign().empty());
  EXPECT_EQ(plan.steer_to(), Indexes{});
}

TEST_F(ReusePortPlanTest, NeedsNoStandInWhileASuccessorServesBesideItsPredecessor) {
  plan.join(1, 21);
  plan.leave(11);
  EXPECT_TRUE(plan.assign().empty());
  EXPECT_EQ(plan.steer_to(), Indexes{});
}

TEST_F(ReusePortPlanTest, EmptiesAnEndedPositionThoughItsWorkerStillDrains) {
  plan.end(2);
  EXPECT_EQ(plan.steer_to(), (Indexes{0, 1}));
  ASSERT_EQ(plan.assign().size(), 1U);
  EXPECT_TRUE(plan.has_ended(2));
}

TEST_F(ReusePortPlanTest, KnowsThatTheKernelMovesTheLastSocketIntoAGap) {
  plan.leave(10);
  plan.end(0);
  plan.remove(0);  // the order is 2, 1 now
  plan.leave(11);
  EXPECT_EQ(plan.steer_to(), Indexes{0});
  EXPECT_FALSE(plan.has(0));
}

TEST_F(ReusePortPlanTest, TakesAnEndedPositionInAgain) {
  plan.leave(12);
  plan.end(2);
  plan.join(2, 22);
  EXPECT_FALSE(plan.has_ended(2));
  EXPECT_EQ(plan.steer_to(), Indexes{});
}

}  // namespace
}  // namespace brigade::cluster::detail
