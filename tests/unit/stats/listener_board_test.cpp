#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "stats/scoreboard.hpp"

namespace brigade::stats {
namespace {

Scoreboard make(unsigned slots) {
  return Scoreboard::create(slots).value();
}
constexpr auto kAnyone = [](unsigned) { return true; };

TEST(ListenerBoard, IsFoundByItsKey) {
  Scoreboard board = make(1);
  const unsigned index = board.add_listener(0xabc).value();
  EXPECT_EQ(board.add_listener(0xabc).value(), index);
  EXPECT_EQ(board.find_listener(0xabc), index);
  EXPECT_EQ(board.find_listener(0xdef), std::nullopt);
  EXPECT_EQ(board.find_listener(0), std::nullopt);
  board.remove_listener(index);
  EXPECT_EQ(board.find_listener(0xabc), std::nullopt);
}

TEST(ListenerBoard, IsEmptyWhenItsPlaceIsUsedAgain) {
  Scoreboard board = make(1);
  const unsigned index = board.add_listener(1).value();
  board.listener(index).join(0);
  board.remove_listener(index);
  ASSERT_EQ(board.add_listener(2).value(), index);
  EXPECT_FALSE(board.listener(index).is_listed(0));
}

TEST(ListenerBoard, HasRoomForSixteen) {
  Scoreboard board = make(1);
  for (std::uint64_t key = 1; key <= kMaxListeners; ++key) EXPECT_TRUE(board.add_listener(key));
  EXPECT_FALSE(board.add_listener(99));
  EXPECT_FALSE(board.add_listener(0));
}

TEST(ListenerBoard, ListsEverySlotByItself) {
  Scoreboard board = make(kMaxSlots);
  ListenerBoard& listener = board.listener(0);
  for (const unsigned slot : {0u, 63u, 64u, 255u}) {
    listener.join(slot);
    EXPECT_TRUE(listener.is_listed(slot));
    EXPECT_FALSE(listener.is_listed(slot ^ 1));
    listener.leave(slot);
    EXPECT_FALSE(listener.is_listed(slot));
  }
}

TEST(ListenerBoard, LosesTheBitsOfAReleasedSlot) {
  Scoreboard board = make(2);
  ASSERT_TRUE(board.claim_slot({.id = 1}));
  for (unsigned i = 0; i < 3; ++i) {
    const unsigned index = board.add_listener(i + 1).value();
    board.listener(index).join(0);
    board.listener(index).join(1);
  }
  board.release_slot(0);
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_FALSE(board.listener(i).is_listed(0));
    EXPECT_TRUE(board.listener(i).is_listed(1));
  }
}

TEST(ListenerBoard, LetsNobodyLeaveWhoIsTheLast) {
  Scoreboard board = make(kMaxSlots);
  ListenerBoard& listener = board.listener(0);
  listener.join(3);
  EXPECT_FALSE(listener.leave_if_served(3, kMaxSlots, kAnyone));
  EXPECT_TRUE(listener.is_listed(3));
  listener.join(200);
  EXPECT_TRUE(listener.leave_if_served(3, kMaxSlots, kAnyone));
  EXPECT_FALSE(listener.is_listed(3));
}

TEST(ListenerBoard, CountsOnFreshSiblingsOnly) {
  Scoreboard board = make(4);
  ListenerBoard& listener = board.listener(0);
  listener.join(0);
  listener.join(1);
  EXPECT_FALSE(listener.leave_if_served(0, 4, [](unsigned slot) { return slot != 1; }));
  EXPECT_TRUE(listener.is_listed(0));
}

TEST(ListenerBoard, LooksAtNoSlotBeyondTheBoard) {
  Scoreboard board = make(2);
  ListenerBoard& listener = board.listener(0);
  listener.join(0);
  listener.listed[0].store(UINT64_MAX - 2);
  EXPECT_FALSE(listener.leave_if_served(
      0, board.slots(), [&](unsigned slot) { return board.entry(slot).stopped.get() == 0; }));
}

TEST(ListenerBoard, IsNeverLeftByTwoAtOnce) {
  Scoreboard board = make(kMaxSlots);
  ListenerBoard& listener = board.listener(0);
  constexpr int kRounds = 2000;
  const unsigned slots[2] = {0, 255};  // in different words
  std::atomic<int> arrived{0};
  std::atomic<int> left{0};
  std::atomic<int> worst{0};
  const auto meet = [&arrived](int count) {
    arrived.fetch_add(1);
    while (arrived.load() < count) std::this_thread::yield();
  };
  const auto leaver = [&](int who) {
    for (int round = 0; round < kRounds; ++round) {
      listener.join(slots[who]);
      meet(6 * round + 2);
      if (listener.leave_if_served(slots[who], kMaxSlots, kAnyone)) left.fetch_add(1);
      meet(6 * round + 4);
      if (who == 0) {
        worst = std::max(worst.load(), left.load());
        left = 0;
      }
      meet(6 * round + 6);
    }
  };
  std::jthread other(leaver, 1);
  leaver(0);
  other.join();
  EXPECT_LE(worst.load(), 1);
}

}  // namespace
}  // namespace brigade::stats
