#include "threads/pool_rules.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>

namespace brigade::detail {
namespace {

using std::chrono::seconds;

bool operator==(PoolSize left, PoolSize right) {
  return left.min == right.min && left.max == right.max;
}

TEST(PoolSizeTest, IsThatOfTheMachineWhenNothingIsSaid) {
  EXPECT_TRUE(pool_size({}, 6) == (PoolSize{6, 6}));
}

TEST(PoolSizeTest, IsOneAtLeast) {
  EXPECT_TRUE(pool_size({}, 0) == (PoolSize{1, 1}));
  EXPECT_TRUE(pool_size({.min_threads = 0, .max_threads = 0}, 4) == (PoolSize{0, 1}));
}

TEST(PoolSizeTest, TakesThreadsForBothEnds) {
  EXPECT_TRUE(pool_size({.threads = 3}, 8) == (PoolSize{3, 3}));
}

TEST(PoolSizeTest, PullsTheEndThatIsNotGiven) {
  EXPECT_TRUE(pool_size({.min_threads = 0}, 4) == (PoolSize{0, 4}));
  EXPECT_TRUE(pool_size({.min_threads = 9}, 4) == (PoolSize{9, 9}));
  EXPECT_TRUE(pool_size({.max_threads = 9}, 4) == (PoolSize{4, 9}));
  EXPECT_TRUE(pool_size({.max_threads = 2}, 4) == (PoolSize{2, 2}));
  EXPECT_TRUE(pool_size({.threads = 3, .max_threads = 5}, 8) == (PoolSize{3, 5}));
}

TEST(PoolSizeTest, RefusesAMinimumAboveTheMaximumAndNamesThePool) {
  try {
    pool_size({.name = "resize", .min_threads = 3, .max_threads = 2}, 4);
    FAIL() << "no exception";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("\"resize\""), std::string::npos);
  }
}

TEST(PoolSizeTest, KeepsNoThreadWhenEachJobHasItsOwn) {
  EXPECT_TRUE(pool_size({.thread_per_job = true, .threads = 3}, 8) == (PoolSize{0, 3}));
}

TEST(QueueLimitTest, IsTheNumberGivenOrTheSquareOfTheThreads) {
  EXPECT_EQ(queue_limit(7, 4), 7U);
  EXPECT_EQ(queue_limit(0, 4), 0U);
  EXPECT_EQ(queue_limit(ThreadPoolOptions::auto_queue, 4), 16U);
}

TEST(PoolRoomTest, IsAThreadOrAPlaceInTheQueue) {
  const PoolSize size{0, 2};
  EXPECT_TRUE(has_room(0, 1, size, 0));
  EXPECT_TRUE(has_room(1, 0, size, 0)) << "one that a thread is on its way for takes no place";
  EXPECT_FALSE(has_room(0, 2, size, 0));
  EXPECT_FALSE(has_room(2, 0, size, 0));
  EXPECT_TRUE(has_room(2, 2, size, 3));
  EXPECT_FALSE(has_room(3, 2, size, 3));
}

TEST(PoolRoomTest, NeedsDrainWhenAnotherJobWouldHaveToWait) {
  const PoolSize size{0, 2};
  EXPECT_FALSE(needs_drain(0, 1, size));
  EXPECT_TRUE(needs_drain(0, 2, size));
  EXPECT_TRUE(needs_drain(1, 1, size));
}

TEST(PoolHelpTest, IsNotCalledWhereThreadsLookAtTheQueueAnyway) {
  const PoolSize size{0, 9};
  EXPECT_EQ(help_for(0, {}, size), Help::none);
  EXPECT_EQ(help_for(1, {.alive = 1, .coming = 1}, size), Help::none);
  EXPECT_EQ(help_for(1, {.alive = 2, .spinning = 1, .sleeping = 1}, size), Help::none);
}

TEST(PoolHelpTest, IsASleepingThreadBeforeANewOne) {
  EXPECT_EQ(help_for(1, {.alive = 1, .sleeping = 1}, {0, 9}), Help::wake);
  EXPECT_EQ(help_for(2, {.alive = 2, .coming = 1, .sleeping = 1}, {0, 9}), Help::wake);
}

TEST(PoolHelpTest, StartsThreadsForABurstWithoutWaitingForTheFirst) {
  EXPECT_EQ(help_for(1, {}, {0, 3}), Help::start);
  EXPECT_EQ(help_for(1, {.alive = 1, .starting = 1}, {0, 3}), Help::none);
  EXPECT_EQ(help_for(2, {.alive = 1, .starting = 1}, {0, 3}), Help::start);
  EXPECT_EQ(help_for(3, {.alive = 2, .starting = 2}, {0, 3}), Help::start);
  EXPECT_EQ(help_for(4, {.alive = 3, .starting = 3}, {0, 3}), Help::none) << "no more than max";
}

TEST(PoolHelpTest, DoesNotWaitForAThreadThatStartsWhileAnotherSleeps) {
  EXPECT_EQ(help_for(1, {.alive = 2, .starting = 1, .sleeping = 1}, {0, 3}), Help::wake);
}

TEST(PoolShrinkTest, LetsOnlyThreadsAboveTheMinimumGoAndOnlyWithoutWork) {
  EXPECT_TRUE(may_go(0, {.alive = 3, .sleeping = 1}, {2, 4}));
  EXPECT_FALSE(may_go(0, {.alive = 2, .sleeping = 1}, {2, 4}));
  EXPECT_FALSE(may_go(1, {.alive = 3, .sleeping = 1}, {2, 4}));
}

TEST(StartBackoffTest, DoublesFromOneSecondToThirty) {
  StartBackoff backoff;
  TimePoint now{};
  EXPECT_TRUE(backoff.allows(now));
  for (const int expected : {1, 2, 4, 8, 16, 30, 30}) {
    backoff.failed(now);
    EXPECT_FALSE(backoff.allows(now + seconds(expected) - Duration(1)));
    EXPECT_TRUE(backoff.allows(now + seconds(expected)));
    now += seconds(expected);
  }
}

TEST(StartBackoffTest, BeginsAnewAfterASuccess) {
  StartBackoff backoff;
  for (int i = 0; i < 5; ++i) backoff.failed(TimePoint());
  backoff.succeeded();
  EXPECT_TRUE(backoff.allows(TimePoint()));
  backoff.failed(TimePoint());
  EXPECT_TRUE(backoff.allows(TimePoint() + seconds(1)));
}

}  // namespace
}  // namespace brigade::detail
