#include "http/overload.hpp"

#include <gtest/gtest.h>

namespace brigade::http::detail {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint began{1000s};

TEST(Overload, ServesWithoutLimits) {
  Overload overload(0s, 0);
  EXPECT_FALSE(overload.sheds(began, began + 1h, 1'000'000));
}

TEST(Overload, RefusesWhatIsMoreThanMayBeInFlight) {
  Overload overload(0s, 2);
  EXPECT_FALSE(overload.sheds(began, began, 1));
  EXPECT_TRUE(overload.sheds(began, began, 2));
  EXPECT_FALSE(overload.sheds(began, began, 1));
}

TEST(Overload, ServesWhatIsAsOldAsTheLimit) {
  Overload overload(80ms, 0);
  EXPECT_FALSE(overload.sheds(began, began + 80ms, 0));
}

TEST(Overload, RefusesWhatIsOlder) {
  Overload overload(80ms, 0);
  EXPECT_TRUE(overload.sheds(began, began + 81ms, 0));
  EXPECT_TRUE(overload.sheds(began, began + 85ms, 0));
}

TEST(Overload, ServesAgainOnceTheQueueIsFresh) {
  Overload overload(80ms, 0);
  EXPECT_TRUE(overload.sheds(began, began + 81ms, 0));
  EXPECT_FALSE(overload.sheds(began + 82ms, began + 82ms, 0));
}

TEST(Overload, DoesNotRefuseForEverWhenTheRefusedComeBackAtOnce) {
  Overload overload(80ms, 0);
  TimePoint now = began;
  Duration served{};
  Duration refused{};
  // The queue never gets shorter; an answer takes 5 ms, a refusal 10 us.
  while (now < began + 10s) {
    const bool sheds = overload.sheds(began, now, 0);
    const Duration took = sheds ? Duration(10us) : Duration(5ms);
    (sheds ? refused : served) += took;
    now += took;
  }
  EXPECT_GT(served, 8500ms);
  EXPECT_GT(refused, 800ms);
}

TEST(Overload, RefusesALongQueueAlsoWhenTimePassesWithoutIt) {
  Overload overload(80ms, 0);
  TimePoint now = began + 81ms;
  for (int count = 0; count < 1000; ++count) {
    EXPECT_TRUE(overload.sheds(began, now, 0));
    now += 1ms;
  }
}

}  // namespace
}  // namespace brigade::http::detail
