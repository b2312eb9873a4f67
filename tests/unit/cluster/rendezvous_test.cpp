#include "cluster/rendezvous.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace brigade::cluster::detail {
namespace {

std::optional<std::uint32_t> choose(int key, std::uint32_t positions, int missing = -1) {
  Rendezvous rendezvous(key_hash("client " + std::to_string(key)));
  for (std::uint32_t position = 0; position < positions; ++position) {
    if (static_cast<int>(position) != missing) rendezvous.consider(position);
  }
  return rendezvous.best();
}

TEST(Rendezvous, HasNobodyWithoutPositions) {
  EXPECT_EQ(choose(1, 0), std::nullopt);
}

TEST(Rendezvous, DoesNotDependOnTheOrder) {
  Rendezvous forwards(key_hash("a")), backwards(key_hash("a"));
  for (std::uint32_t position = 0; position < 8; ++position) {
    forwards.consider(position);
    backwards.consider(7 - position);
  }
  EXPECT_EQ(forwards.best(), backwards.best());
}

TEST(Rendezvous, SpreadsKeysEvenly) {
  std::map<std::uint32_t, int> keys;
  for (int key = 0; key < 8000; ++key) ++keys[*choose(key, 8)];
  for (const auto& [position, count] : keys) {
    EXPECT_GT(count, 850) << position;
    EXPECT_LT(count, 1150) << position;
  }
}

TEST(Rendezvous, MovesOnlyTheKeysOfAPositionThatGoes) {
  for (int key = 0; key < 1000; ++key) {
    const auto before = choose(key, 8);
    const auto after = choose(key, 8, 3);
    if (before != 3U) EXPECT_EQ(after, before) << key;
    EXPECT_NE(after, 3U);
  }
}

TEST(KeyHash, IsNeverZeroAndTheSameEverywhere) {
  EXPECT_EQ(key_hash(""), 0xcbf2'9ce4'8422'2325U);
  EXPECT_EQ(key_hash("a"), 0xaf63'dc4c'8601'ec8cU);
}

}  // namespace
}  // namespace brigade::cluster::detail
