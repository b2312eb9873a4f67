#include "cluster/balance.hpp"

#include <gtest/gtest.h>

namespace brigade::cluster::detail {
namespace {

constexpr auto fresh_ns = static_cast<std::uint64_t>(fresh_for.count());
constexpr std::uint64_t now_ns = 1'000'000'000'000;

TEST(Balance, AWorkerThatHasLeftLooksAgainSoonThenSeldom) {
  Duration wait = first_recheck;
  Duration sum = wait;
  while (wait < slowest_recheck) sum += wait = next_recheck(wait);
  EXPECT_LE(sum, 3 * slowest_recheck);
  EXPECT_EQ(next_recheck(slowest_recheck), slowest_recheck);
}

TEST(Share, IsTheMeanRoundedUp) {
  EXPECT_EQ(share_of({.mine = 0, .total = 0, .workers = 4}), 0U);
  EXPECT_EQ(share_of({.mine = 0, .total = 8, .workers = 4}), 2U);
  EXPECT_EQ(share_of({.mine = 0, .total = 9, .workers = 4}), 3U);
}

TEST(Balance, LetsAWorkerLeaveWithTwoMoreThanItsShare) {
  EXPECT_FALSE(should_leave({.mine = 3, .total = 8, .workers = 4}));
  EXPECT_TRUE(should_leave({.mine = 4, .total = 8, .workers = 4}));
}

TEST(Balance, BringsAWorkerBackAtItsShare) {
  EXPECT_FALSE(should_return({.mine = 3, .total = 8, .workers = 4}));
  EXPECT_TRUE(should_return({.mine = 2, .total = 8, .workers = 4}));
}

TEST(Balance, NeverLetsTheOnlyWorkerLeave) {
  const Crowd alone{.mine = 1000, .total = 1000, .workers = 1};
  EXPECT_FALSE(should_leave(alone));
  EXPECT_TRUE(should_return(alone));
}

TEST(Balance, NeverSaysBothLeaveAndReturn) {
  for (std::uint64_t workers = 1; workers <= 6; ++workers) {
    for (std::uint64_t total = 0; total <= 40; ++total) {
      for (std::uint64_t mine = 0; mine <= total; ++mine) {
        const Crowd crowd{mine, total, workers};
        ASSERT_FALSE(should_leave(crowd) && should_return(crowd))
            << mine << " of " << total << " on " << workers;
      }
    }
  }
}

TEST(Balance, NeverAsksAllWorkersToLeave) {
  for (std::uint64_t a = 0; a <= 20; ++a) {
    for (std::uint64_t b = 0; b <= 20; ++b) {
      for (std::uint64_t c = 0; c <= 20; ++c) {
        const std::uint64_t total = a + b + c;
        ASSERT_FALSE(should_leave({a, total, 3}) && should_leave({b, total, 3}) &&
                     should_leave({c, total, 3}));
      }
    }
  }
}

TEST(Fresh, IsASiblingThatSleeps) {
  EXPECT_TRUE(is_fresh(true, false, 0, now_ns));
}

TEST(Fresh, IsASiblingThatWasBusyForLessThanTenMilliseconds) {
  EXPECT_TRUE(is_fresh(true, false, now_ns - fresh_ns + 1, now_ns));
  EXPECT_FALSE(is_fresh(true, false, now_ns - fresh_ns, now_ns));
}

TEST(Fresh, IsASiblingWhoseClockReadingIsAheadOfOurs) {
  EXPECT_TRUE(is_fresh(true, false, now_ns + 5, now_ns));
}

TEST(Fresh, IsNoStoppedSibling) {
  EXPECT_FALSE(is_fresh(true, true, 0, now_ns));
}

TEST(Fresh, IsNoSiblingThatDoesNotListen) {
  EXPECT_FALSE(is_fresh(false, false, 0, now_ns));
}

}  // namespace
}  // namespace brigade::cluster::detail
