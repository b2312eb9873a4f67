#include "cluster/election.hpp"

#include <gtest/gtest.h>

namespace brigade::cluster {
namespace {

using namespace std::chrono_literals;
using Step = Election::Step;

constexpr TimePoint start{1h};

TEST(Election, WaitsForNothingWhileThereIsAPrimary) {
  Election election;
  EXPECT_EQ(election.step(start), Step::none);
  election.primary_lost(start);
  election.primary_reigns(start + 1ms);
  EXPECT_EQ(election.step(start + 1h), Step::none);
}

TEST(Election, StandsAtOnce) {
  Election election;
  election.primary_lost(start);
  EXPECT_EQ(election.step(start), Step::stand);
}

TEST(Election, LeavesWhenNoPrimaryCame) {
  Election election({.patience = 10s});
  election.primary_lost(start);
  EXPECT_EQ(election.step(start + 10s - 1ns), Step::stand);
  EXPECT_EQ(election.step(start + 10s), Step::leave);
}

TEST(Election, CountsItsPatienceFromTheFirstLoss) {
  Election election({.patience = 10s});
  election.primary_lost(start);
  election.primary_lost(start + 9s);  // one that came and died before it reigned
  EXPECT_EQ(election.step(start + 10s), Step::leave);
}

TEST(Election, WaitsTwiceAsLongAfterEachFailedAttempt) {
  Election election({.first_delay = 100ms, .longest_delay = 300ms});
  election.primary_lost(start);
  election.attempt_failed(start);
  EXPECT_EQ(election.step(start + 99ms), Step::wait);
  EXPECT_EQ(election.step(start + 100ms), Step::stand);
  election.attempt_failed(start + 100ms);
  EXPECT_EQ(election.step(start + 299ms), Step::wait);
  EXPECT_EQ(election.step(start + 300ms), Step::stand);
  election.attempt_failed(start + 300ms);
  EXPECT_EQ(election.step(start + 599ms), Step::wait);
  EXPECT_EQ(election.step(start + 600ms), Step::stand);
}

TEST(Election, WaitsAfterAPrimaryThatDidNotReignForLong) {
  Election election;
  election.primary_lost(start);
  election.primary_reigns(start);
  election.primary_lost(start + 500ms);
  EXPECT_EQ(election.step(start + 500ms), Step::wait);
  EXPECT_EQ(election.step(start + 600ms), Step::stand);
}

TEST(Election, ForgetsFailuresAfterAStablePrimary) {
  Election election;
  election.primary_lost(start);
  election.attempt_failed(start);
  election.primary_reigns(start + 100ms);
  election.primary_lost(start + 1100ms);
  EXPECT_EQ(election.step(start + 1100ms), Step::stand);
}

}  // namespace
}  // namespace brigade::cluster
