#include <brigade/atomics.hpp>
#include <brigade/shared_array.hpp>

#include <gtest/gtest.h>
#include "unit/shared/child.hpp"

#include <cstdint>
#include <limits>
#include <thread>
#include <type_traits>
#include <vector>

namespace brigade {
namespace {

template <class T>
class AtomicsOn : public testing::Test {
 protected:
  const SharedArray<T> array = SharedArray<T>::create(4);
};
using Integers = testing::Types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t,
                                std::int32_t, std::uint32_t, std::int64_t, std::uint64_t>;
TYPED_TEST_SUITE(AtomicsOn, Integers);

TYPED_TEST(AtomicsOn, IntegersReturnTheOldValue) {
  auto cell = this->array[1];
  EXPECT_EQ(atomics::store(cell, 12), 12);
  EXPECT_EQ(atomics::add(cell, 3), 12);
  EXPECT_EQ(atomics::sub(cell, 1), 15);
  EXPECT_EQ(atomics::and_(cell, 6), 14);
  EXPECT_EQ(atomics::or_(cell, 9), 6);
  EXPECT_EQ(atomics::xor_(cell, 5), 15);
  EXPECT_EQ(atomics::exchange(cell, 100), 10);
  EXPECT_EQ(atomics::compare_exchange(cell, 99, 1), 100);
  EXPECT_EQ(atomics::load(cell), 100);
  EXPECT_EQ(atomics::compare_exchange(cell, 100, 1), 100);
  EXPECT_EQ(atomics::load(cell), 1);
  EXPECT_EQ(atomics::load(this->array[0]), 0);
  EXPECT_EQ(atomics::load(this->array[2]), 0);
}

TYPED_TEST(AtomicsOn, IntegersWrapAround) {
  const auto cell = this->array[0];
  atomics::store(cell, std::numeric_limits<TypeParam>::max());
  atomics::add(cell, 1);
  EXPECT_EQ(atomics::load(cell), std::numeric_limits<TypeParam>::min());
  atomics::sub(cell, 1);
  EXPECT_EQ(atomics::load(cell), std::numeric_limits<TypeParam>::max());
}

enum class Colour : std::uint8_t { red, green };
struct alignas(8) Pair {
  std::int32_t left;
  std::int32_t right;
};

TEST(Atomics, MoveWholeValuesOfOtherKinds) {
  const auto flags = SharedArray<bool>::create(1);
  EXPECT_FALSE(atomics::exchange(flags[0], true));
  EXPECT_TRUE(atomics::load(flags[0]));

  const auto numbers = SharedArray<double>::create(1);
  EXPECT_EQ(atomics::store(numbers[0], 2.5), 2.5);
  EXPECT_EQ(atomics::compare_exchange(numbers[0], 2.5, 3.5), 2.5);
  EXPECT_EQ(atomics::load(numbers[0]), 3.5);

  const auto colours = SharedArray<Colour>::create(1);
  EXPECT_EQ(atomics::compare_exchange(colours[0], Colour::red, Colour::green), Colour::red);
  EXPECT_EQ(atomics::load(colours[0]), Colour::green);

  const auto pairs = SharedArray<Pair>::create(1);
  atomics::store(pairs[0], Pair{1, 2});
  EXPECT_EQ(atomics::load(pairs[0]).right, 2);
}

TEST(Atomics, TakePlainVariables) {
  std::int64_t number = 5;
  EXPECT_EQ(atomics::add(number, 2), 5);
  const std::int64_t& view = number;
  EXPECT_EQ(atomics::load(view), 7);
}

template <class P>
concept Addable = requires(P place) { atomics::add(place, {}); };
template <class P>
concept Loadable = requires(P place) { atomics::load(place); };
template <class P>
concept Storable = requires(P place) { atomics::store(place, {}); };
template <class P>
concept Waitable = requires(P place) { atomics::wait(place, {}); };

TEST(Atomics, RefuseTypesTheyCannotServe) {
  EXPECT_TRUE(Addable<SharedCell<int>>);
  EXPECT_FALSE(Addable<SharedCell<bool>>);
  EXPECT_FALSE(Addable<SharedCell<double>>);
  EXPECT_TRUE(Loadable<const int&>);
  EXPECT_FALSE(Storable<const int&>);
  struct Three {
    char bytes[3];
  };
  EXPECT_FALSE(Loadable<SharedCell<Three>>);
  EXPECT_TRUE(Waitable<SharedCell<std::uint32_t>>);
  EXPECT_FALSE(Waitable<SharedCell<std::int64_t>>);
  EXPECT_FALSE(Waitable<SharedCell<std::int16_t>>);
}

TEST(Atomics, LoseNoCountBetweenThreads) {
  const auto array = SharedArray<std::int32_t>::create(2);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([array] {
      for (int round = 0; round < 5000; ++round) {
        atomics::add(array[0], 1);
        std::int32_t seen = atomics::load(array[1]);
        for (;;) {
          const std::int32_t old = atomics::compare_exchange(array[1], seen, seen + 1);
          if (old == seen) break;
          seen = old;
        }
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(atomics::load(array[0]), 20'000);
  EXPECT_EQ(atomics::load(array[1]), 20'000);
}

TEST(Atomics, LoseNoCountBetweenProcesses) {
  const auto array = SharedArray<std::int64_t>::create(1);
  testing_support::DescriptorPair pair;
  testing_support::Child child([&pair] {
    const auto theirs =
        SharedArray<std::int64_t>::over(SharedBuffer::attach(pair.receive()).value()).value();
    for (int round = 0; round < 20'000; ++round) atomics::add(theirs[0], 1);
    return 0;
  });
  pair.send(array.buffer().fd());
  for (int round = 0; round < 20'000; ++round) atomics::add(array[0], 1);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(atomics::load(array[0]), 40'000);
}

}  // namespace
}  // namespace brigade
