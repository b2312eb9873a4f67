// When a loop spins, and when it has learnt not to.
#include <gtest/gtest.h>
#include <brigade/spin_rule.hpp>

namespace brigade::detail {
namespace {

using namespace std::chrono_literals;

/// Sleeps until the rule spins again.
int sleeps_without(SpinRule& rule) {
  int sleeps = 0;
  while (!rule.spins() && sleeps < 100'000) ++sleeps;
  return sleeps;
}

/// A spin that kept the sender from the CPU.
void spin_in_vain(SpinRule& rule, Duration late = 4ms) {
  rule.did_not_pay();
  rule.came_late(late);
}

TEST(SpinRule, SpinsOnlyWhereMailComesQuickly) {
  SpinRule rule;
  EXPECT_FALSE(rule.spins());
  rule.missed();
  EXPECT_TRUE(rule.spins());
  rule.did_not_pay();
  EXPECT_FALSE(rule.spins());
}

TEST(SpinRule, ForgivesSomeSpinsWithoutMailAfterOnesThatPaid) {
  SpinRule rule;
  rule.paid();
  int spins = 0;
  for (; rule.spins(); ++spins) rule.did_not_pay();
  EXPECT_EQ(spins, SpinRule::credit_limit / 2);
}

TEST(SpinRule, PausesLongerEachTimeThatTheMailCameTooLate) {
  SpinRule rule;
  for (int expected = SpinRule::shortest_pause; expected < 100'000; expected *= 2) {
    rule.paid();
    spin_in_vain(rule);
    EXPECT_EQ(sleeps_without(rule), std::min(expected, SpinRule::longest_pause));
  }
}

TEST(SpinRule, LearnsThoughMostSpinsPay) {
  SpinRule rule;
  rule.missed();
  int spins = 0;
  int sleeps = 0;
  for (int time = 0; time < 100'000; ++time) {
    if (!rule.spins()) {
      ++sleeps;
    } else if (++spins % 10 == 0) {
      spin_in_vain(rule);
    } else {
      rule.paid();
    }
  }
  EXPECT_GT(sleeps, 100 * spins);
}

TEST(SpinRule, GoesOnWhereALateMailIsRare) {
  SpinRule rule;
  rule.missed();
  for (int time = 1; time < 10'000; ++time) {
    ASSERT_TRUE(rule.spins()) << time;
    if (time % 1000 == 0) {
      spin_in_vain(rule);
    } else {
      rule.paid();
    }
  }
}

TEST(SpinRule, DoesNotBlameASpinForMailThatNobodySent) {
  SpinRule rule;
  rule.paid();
  spin_in_vain(rule, 1s);
  EXPECT_TRUE(rule.spins());
}

TEST(SpinRule, ComesBackWhenSpinsPayAgain) {
  SpinRule rule;
  for (int i = 0; i < 20; ++i) {
    rule.paid();
    spin_in_vain(rule);
    sleeps_without(rule);
  }
  for (Duration saved{}; saved < SpinRule::surplus; saved += SpinRule::wake_up) {
    ASSERT_TRUE(rule.spins());
    rule.paid();
  }
  for (int i = 0; i < 3; ++i) spin_in_vain(rule);
  rule.paid();
  EXPECT_EQ(sleeps_without(rule), SpinRule::shortest_pause);
}

}  // namespace
}  // namespace brigade::detail
