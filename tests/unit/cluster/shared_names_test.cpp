#include "cluster/shared_names.hpp"

#include <brigade/atomics.hpp>
#include <brigade/cluster_shared.hpp>
#include <brigade/loop.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace brigade::cluster {
namespace {

using detail::Share;
using detail::SharedNames;

constexpr std::size_t plenty = std::size_t{1} << 20;

TEST(SharedNames, GivesTheSameMemoryToAllWhoAskForAName) {
  SharedNames names;
  const SharedBuffer first = names.get({"hits", 8, 0}, plenty).value();
  EXPECT_EQ(first.size(), 8U);
  EXPECT_EQ(names.get({"hits", 8, 0}, plenty).value(), first);
  EXPECT_EQ(names.get({"hits", 8, 8}, plenty).value(), first) << "the same maximum";
  EXPECT_NE(names.get({"misses", 8, 0}, plenty).value(), first);
}

TEST(SharedNames, MakesBuffersThatGrow) {
  SharedNames names;
  SharedBuffer buffer = names.get({"log", 0, 4096}, plenty).value();
  EXPECT_TRUE(buffer.grow(4096));
  EXPECT_EQ(names.get({"log", 0, 4096}, plenty).value().size(), 4096U);
}

TEST(SharedNames, RefusesAnotherSizeAndSaysWhichThereIs) {
  SharedNames names;
  ASSERT_TRUE(names.get({"hits", 8, 64}, plenty));
  for (const Share& other : {Share{"hits", 16, 64}, Share{"hits", 8, 0}, Share{"hits", 8, 128}}) {
    const auto refused = names.get(other, plenty);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EEXIST);
    EXPECT_NE(refused.error().message().find("8 bytes (at most 64)"), std::string::npos)
        << refused.error().message();
  }
}

TEST(SharedNames, RefusesWhatIsNoName) {
  SharedNames names;
  for (const std::string& name :
       {std::string(), std::string(129, 'x'), std::string("a b"), std::string("a\nb"),
        std::string("a\0b", 3), std::string("\xc3\xa4"), std::string("\x7f")}) {
    EXPECT_EQ(names.get({name, 8, 0}, plenty).error().code(), EINVAL) << name;
  }
  EXPECT_TRUE(names.get({std::string(128, 'x'), 8, 0}, plenty));
}

TEST(SharedNames, AreLimitedInNumber) {
  SharedNames names;
  for (std::size_t i = 0; i < SharedNames::max_names; ++i) {
    ASSERT_TRUE(names.get({std::to_string(i), 8, 0}, plenty)) << i;
  }
  EXPECT_EQ(names.get({"one-more", 8, 0}, plenty).error().code(), ENOSPC);
  EXPECT_TRUE(names.get({"7", 8, 0}, plenty)) << "those that are there stay";
}

TEST(SharedNames, AreLimitedInAllTheirBytes) {
  SharedNames names;
  ASSERT_TRUE(names.get({"half", 0, plenty / 2}, plenty));
  EXPECT_EQ(names.get({"more", 1, plenty / 2 + 1}, plenty).error().code(), ENOSPC);
  EXPECT_EQ(
      names.get({"most", std::numeric_limits<std::uint64_t>::max(), 0}, plenty).error().code(),
      ENOSPC);
  EXPECT_TRUE(names.get({"rest", 1, plenty / 2}, plenty));
  EXPECT_EQ(names.get({"tiny", 1, 0}, plenty).error().code(), ENOSPC);
}

TEST(SharedNames, AreSafeToAskFromManyThreads) {
  SharedNames names;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&names] {
      for (int round = 0; round < 50; ++round) {
        const auto buffer = names.get({std::to_string(round), 8, 0}, plenty);
        ASSERT_TRUE(buffer);
      }
    });
  }
  for (std::thread& each : threads) each.join();
}

TEST(SharedNames, KeepTheOneThatWasThereFirst) {
  SharedNames names;
  EXPECT_FALSE(*names.find({"hits", 8, 0}));
  const SharedBuffer first = names.add({"hits", 8, 0}, SharedBuffer::create(8).value());
  EXPECT_EQ(names.add({"hits", 8, 0}, SharedBuffer::create(8).value()), first);
  EXPECT_EQ(names.find({"hits", 8, 0}).value(), first);
  EXPECT_EQ(names.find({"hits", 9, 0}).error().code(), EEXIST);
}

TEST(SharedByName, WithoutAPrimaryIsTheProcesssOwn) {
  Loop loop;
  loop.run([]() -> Task<> {
    auto first = co_await shared_array<std::int32_t>("own", 2);
    auto second = co_await shared_array<std::int32_t>("own", 2);
    EXPECT_EQ(first->size(), 2U);
    atomics::store((*first)[1], 5);
    EXPECT_EQ(atomics::load((*second)[1]), 5);
    auto other = co_await shared_array<std::int64_t>("own", 2);
    EXPECT_EQ(other.error().code(), EEXIST);
    auto impossible = co_await shared_array<std::int64_t>("huge", SIZE_MAX / 2);
    EXPECT_EQ(impossible.error().code(), EINVAL);
  }());
}

TEST(SharedByName, IsTheSameOnEveryThreadOfAProcess) {
  const auto ask = [] {
    Loop loop;
    return loop.run([]() -> Task<SharedBuffer> {
      auto found = co_await shared_buffer("everywhere", 8, {.max_size = 64});
      co_return found.value();
    }());
  };
  const SharedBuffer here = ask();
  std::thread([&] { EXPECT_EQ(ask(), here); }).join();
}

}  // namespace
}  // namespace brigade::cluster
