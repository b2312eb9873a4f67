#include "cluster/restart_policy.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace brigade::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using What = Verdict::What;

constexpr Duration never(-1);

class RestartPolicyTest : public testing::Test {
 protected:
  Verdict dies(Duration listened_for, ExitStatus status = {.code = 1}, std::uint64_t random = 0) {
    return policy.judge(
        {.status = status, .listened_for = listened_for, .at = now, .random = random});
  }

  RestartOptions options;
  RestartPolicy policy{options};
  TimePoint now{std::chrono::hours(1)};
};

TEST_F(RestartPolicyTest, ReplacesAStableWorkerAtOnce) {
  const Verdict verdict = dies(seconds(1));
  EXPECT_EQ(verdict.what, What::restart);
  EXPECT_EQ(verdict.delay, Duration(0));
}

TEST_F(RestartPolicyTest, WaitsTwiceAsLongAfterEachUnstableDeathUpToTheLongest) {
  options.longest_delay = milliseconds(350);
  options.give_up_after = 0;
  EXPECT_EQ(dies(never).delay, milliseconds(100));
  EXPECT_EQ(dies(never).delay, milliseconds(200));
  EXPECT_EQ(dies(never).delay, milliseconds(350));
  EXPECT_EQ(dies(never).delay, milliseconds(350));
}

TEST_F(RestartPolicyTest, BeginsAnewAfterAStableLife) {
  dies(never);
  dies(seconds(5));
  EXPECT_EQ(dies(never).delay, milliseconds(100));
}

TEST_F(RestartPolicyTest, CallsOneUnstableThatListenedForAMoment) {
  EXPECT_EQ(dies(milliseconds(999)).delay, milliseconds(100));
  EXPECT_EQ(policy.unstable_deaths(), 1U);
}

TEST_F(RestartPolicyTest, TakesHalfToAllOfTheDelayByChance) {
  for (std::uint64_t random = 0; random < 1000; ++random) {
    policy.forgive();
    const Duration delay = dies(never, {.code = 1}, random * 0x9e3779b97f4a7c15U).delay;
    EXPECT_GT(delay, milliseconds(50) - Duration(1));
    EXPECT_LE(delay, milliseconds(100));
  }
}

TEST_F(RestartPolicyTest, GivesUpAfterSoManyUnstableDeathsWithinTheWindow) {
  for (int death = 1; death < 10; ++death) {
    EXPECT_EQ(dies(never).what, What::restart);
    now += seconds(30);
  }
  EXPECT_EQ(dies(never).what, What::give_up);
}

TEST_F(RestartPolicyTest, DoesNotGiveUpOverDeathsThatAreFartherApart) {
  for (int death = 0; death < 100; ++death) {
    EXPECT_EQ(dies(never).what, What::restart);
    now += minutes(2);
  }
}

TEST_F(RestartPolicyTest, ReachesItsLimitInSpiteOfItsOwnDelays) {
  int deaths = 1;
  while (true) {
    const Verdict verdict = dies(never);
    if (verdict.what == What::give_up) break;
    now += verdict.delay + seconds(30);  // a start that takes its whole time to fail
    ASSERT_LT(++deaths, 20);
  }
  EXPECT_EQ(deaths, 10);
}

TEST_F(RestartPolicyTest, DoesNotGiveUpOverStableWorkersHoweverManyDie) {
  for (int death = 0; death < 100; ++death) EXPECT_EQ(dies(seconds(2)).what, What::restart);
}

TEST_F(RestartPolicyTest, NeverGivesUpWhenItIsToldNotTo) {
  options.give_up_after = 0;
  for (int death = 0; death < 100; ++death) EXPECT_EQ(dies(never).what, What::restart);
}

TEST_F(RestartPolicyTest, ForgetsEverythingWhenSomebodyAsksForIt) {
  for (int death = 0; death < 9; ++death) dies(never);
  policy.forgive();
  EXPECT_EQ(dies(never).delay, milliseconds(100));
}

TEST_F(RestartPolicyTest, GoesByTheFirstRuleThatMatches) {
  options.rules = {{.exit_codes = {2, 3}, .then = AfterDeath::give_up},
                   {.exit_codes = {3}, .then = AfterDeath::stop},
                   {.exit_codes = {4}, .then = AfterDeath::stop},
                   {.signals = {SIGXCPU}, .then = AfterDeath::at_once}};
  EXPECT_EQ(dies(seconds(9), {.code = 2}).what, What::give_up);
  EXPECT_EQ(dies(seconds(9), {.code = 3}).what, What::give_up);
  EXPECT_EQ(dies(seconds(9), {.code = 4}).what, What::stop);
  EXPECT_EQ(dies(never, {.signal = SIGXCPU}).delay, Duration(0));
  EXPECT_EQ(policy.unstable_deaths(), 0U);
}

TEST_F(RestartPolicyTest, BacksOffWhereNoRuleMatches) {
  options.rules = {{.exit_codes = {9}, .then = AfterDeath::stop}};
  EXPECT_EQ(dies(never, {.code = 1}).delay, milliseconds(100));
  EXPECT_EQ(dies(never, {.signal = SIGKILL}).delay, milliseconds(200));  // 9, but a signal
}

TEST_F(RestartPolicyTest, CountsAStartThatFailedForNothing) {
  for (int count = 0; count < 50; ++count) policy.delay_after_failed_start(0);
  EXPECT_EQ(policy.unstable_deaths(), 0U);
  EXPECT_EQ(dies(never).what, What::restart);
}

}  // namespace
}  // namespace brigade::cluster
