#include "cluster/offer.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace brigade::cluster::detail {
namespace {

TEST(Offer, IsTakenOnce) {
  std::atomic<std::uint64_t> word{0};
  Offer(word).make(7);
  EXPECT_TRUE(Offer(word).take(7));
  EXPECT_FALSE(Offer(word).take(7));
  EXPECT_TRUE(Offer(word).is_taken(7));
}

TEST(Offer, CannotBeTakenOnceItWasTakenBack) {
  std::atomic<std::uint64_t> word{0};
  Offer(word).make(7);
  EXPECT_TRUE(Offer(word).take_back(7));
  EXPECT_FALSE(Offer(word).take(7));
  EXPECT_FALSE(Offer(word).is_taken(7));
}

TEST(Offer, CannotBeTakenBackOnceItWasTaken) {
  std::atomic<std::uint64_t> word{0};
  Offer(word).make(7);
  Offer(word).take(7);
  EXPECT_FALSE(Offer(word).take_back(7));
}

TEST(Offer, OfBeforeIsNotTakenForTheOneOfNow) {
  std::atomic<std::uint64_t> word{0};
  Offer(word).make(7);
  Offer(word).make(8);
  EXPECT_FALSE(Offer(word).take(7));
  EXPECT_FALSE(Offer(word).refuse(7));
  EXPECT_TRUE(Offer(word).take(8));
}

TEST(Offer, GoesToOneOfTwoThatWantItAtTheSameTime) {
  std::atomic<std::uint64_t> word{0};
  for (std::uint32_t sequence = 1; sequence < 2000; ++sequence) {
    Offer(word).make(sequence);
    bool taken = false;
    std::thread worker([&] { taken = Offer(word).take(sequence); });
    const bool back = Offer(word).take_back(sequence);
    worker.join();
    ASSERT_NE(taken, back);
  }
}

}  // namespace
}  // namespace brigade::cluster::detail
