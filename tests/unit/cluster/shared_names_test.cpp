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

TEST(SharedNames, GiveTheSameRingToAllWhoAskForIt) {
  SharedNames names;
  const Share wanted{.name = "mail", .size = 4096, .producers = 2};
  EXPECT_FALSE(*names.find_ring(wanted));
  SharedRing first = names.get_ring(wanted, plenty).value();
  SharedRing second = names.get_ring(wanted, plenty).value();
  EXPECT_TRUE(*names.find_ring(wanted));
  RingProducer producer = first.producer().value();
  const std::byte byte{7};
  EXPECT_EQ(producer.push({&byte, 1}), RingStatus::ok);
  std::vector<std::byte> message;
  EXPECT_EQ(second.consumer().value().pop(message), RingStatus::ok);
  EXPECT_EQ(message, std::vector<std::byte>{byte});
  EXPECT_TRUE(names.descriptor(wanted, plenty));
}

TEST(SharedNames, TellRingsFromBuffersAndRingsFromOneAnother) {
  SharedNames names;
  ASSERT_TRUE(names.get_ring({.name = "mail", .size = 4096, .producers = 2}, plenty));
  EXPECT_EQ(names.get({.name = "mail", .size = 4096}, plenty).error().code(), EEXIST);
  for (const Share& other : {Share{.name = "mail", .size = 8192, .producers = 2},
                             Share{.name = "mail", .size = 4096, .producers = 3},
                             Share{.name = "mail", .size = 4096, .producers = 2, .checksum = 1}}) {
    EXPECT_EQ(names.get_ring(other, plenty).error().code(), EEXIST);
  }
  EXPECT_EQ(names.get_ring({.name = "wide", .size = 4096, .producers = 65}, plenty).error().code(),
            EINVAL);
  EXPECT_EQ(
      names.get_ring({.name = "huge", .size = plenty, .producers = 1}, plenty - 1).error().code(),
      ENOSPC);
  ASSERT_TRUE(names.get({.name = "hits", .size = 8}, plenty));
  EXPECT_EQ(names.get_ring({.name = "hits", .size = 8, .producers = 1}, plenty).error().code(),
            EEXIST);
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
