#include "cluster/restart_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>

namespace brigade::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration never_listened{-1};
constexpr std::uint64_t no_jitter = 0;

TEST(RestartPolicy, ReplacesAStableWorkerAtOnce) {
  RestartPolicy policy;
  EXPECT_EQ(policy.delay_after_death(seconds(1), 12345), Duration(0));
  EXPECT_EQ(policy.delay_after_death(std::chrono::hours(1000), 12345), Duration(0));
}

TEST(RestartPolicy, CountsALifeJustShortOfStableAsUnstable) {
  RestartPolicy policy;
  EXPECT_GT(policy.delay_after_death(seconds(1) - Duration(1), no_jitter), Duration(0));
  EXPECT_EQ(policy.unstable_deaths(), 1U);
}

TEST(RestartPolicy, DoublesTheDelayWithEachUnstableDeath) {
  RestartPolicy policy;
  for (const int expected : {100, 200, 400, 800, 1600, 3200}) {
    EXPECT_EQ(policy.delay_after_death(never_listened, no_jitter), milliseconds(expected));
  }
}

TEST(RestartPolicy, NeverWaitsLongerThanTheLongestDelay) {
  RestartPolicy policy({.first_delay = milliseconds(100), .longest_delay = milliseconds(350)});
  Duration last{};
  for (int death = 0; death < 200; ++death) {
    last = policy.delay_after_death(never_listened, no_jitter);
    ASSERT_LE(last, milliseconds(350));
  }
  EXPECT_EQ(last, milliseconds(350));
}

TEST(RestartPolicy, SpreadsTheDelayBetweenHalfAndAllOfIt) {
  std::mt19937_64 random(7);
  Duration shortest = seconds(1000);
  Duration longest{};
  for (int i = 0; i < 2000; ++i) {
    RestartPolicy policy({.first_delay = seconds(2)});
    const Duration delay = policy.delay_after_death(never_listened, random());
    ASSERT_GE(delay, seconds(1));
    ASSERT_LE(delay, seconds(2));
    shortest = std::min(shortest, delay);
    longest = std::max(longest, delay);
  }
  EXPECT_LT(shortest, milliseconds(1050));
  EXPECT_GT(longest, milliseconds(1950));
}

TEST(RestartPolicy, BeginsAnewAfterAStableLife) {
  RestartPolicy policy;
  for (int death = 0; death < 5; ++death) policy.delay_after_death(never_listened, no_jitter);
  policy.delay_after_death(seconds(5), no_jitter);
  EXPECT_EQ(policy.unstable_deaths(), 0U);
  EXPECT_EQ(policy.delay_after_death(never_listened, no_jitter), milliseconds(100));
}

TEST(RestartPolicy, TakesADelayTooShortToHalve) {
  RestartPolicy policy({.first_delay = Duration(1), .longest_delay = Duration(1)});
  EXPECT_EQ(policy.delay_after_death(never_listened, 999), Duration(1));
}

}  // namespace
}  // namespace brigade::cluster
