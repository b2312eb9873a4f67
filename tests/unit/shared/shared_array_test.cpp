#include <brigade/shared_array.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <type_traits>

namespace brigade {
namespace {

struct Point {
  double x;
  double y;
  double z;
};

template <class Array>
concept IndexedWhenTemporary = requires { Array()[0]; };

TEST(SharedArray, StartsZeroed) {
  const auto array = SharedArray<std::int32_t>::create(1000);
  EXPECT_EQ(array.size(), 1000u);
  EXPECT_EQ(array.buffer().size(), 4000u);
  EXPECT_TRUE(std::all_of(array.begin(), array.end(), [](int value) { return value == 0; }));
}

TEST(SharedArray, IsEmptyWhenDefaultConstructed) {
  const SharedArray<int> none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.begin(), none.end());
  EXPECT_THROW(none[0], std::out_of_range);
}

TEST(SharedArray, ChecksItsBounds) {
  const auto array = SharedArray<std::int32_t>::create(3);
  EXPECT_NO_THROW(array[2]);
  EXPECT_THROW(array[3], std::out_of_range);
  EXPECT_THROW(array[std::numeric_limits<std::size_t>::max()], std::out_of_range);
}

TEST(SharedArray, CellsReadAndWriteTheValue) {
  const auto array = SharedArray<int>::create(2);
  array[0] = 5;
  const int value = array[0];
  EXPECT_EQ(value, 5);
  array[1] = array[0];
  EXPECT_EQ(array.data()[1], 5);
  *array[1] += 2;
  EXPECT_EQ(array[1], 7);
}

TEST(SharedArray, CellsOfATemporaryDoNotCompile) {
  EXPECT_FALSE(IndexedWhenTemporary<SharedArray<int>>);
}

TEST(SharedArray, HoldsStructs) {
  const auto array = SharedArray<Point>::create(10);
  array[9]->y = 2.5;
  *array[8] = Point{1, 2, 3};
  EXPECT_EQ(array.span()[9].y, 2.5);
  EXPECT_EQ(array.data()[8].z, 3);
}

TEST(SharedArray, CopiesAreTheSameMemory) {
  const auto array = SharedArray<int>::create(1);
  std::thread([copy = array] { copy[0] = 8; }).join();
  EXPECT_EQ(array[0], 8);
}

TEST(SharedArray, GrowsWithItsBuffer) {
  const auto array = SharedArray<std::int64_t>::create(2, {.max_count = 100});
  EXPECT_EQ(array.size(), 2u);
  EXPECT_THROW(array[2], std::out_of_range);
  SharedBuffer buffer = array.buffer();
  ASSERT_TRUE(buffer.grow(100 * sizeof(std::int64_t)));
  EXPECT_EQ(array.size(), 100u);
  array[99] = 1;
  ASSERT_FALSE(buffer.grow(101 * sizeof(std::int64_t)));
}

TEST(SharedArray, CountsOnlyWholeElements) {
  SharedBuffer buffer = SharedBuffer::create(7, {.max_size = 100}).value();
  const auto array = SharedArray<std::int32_t>::over(buffer).value();
  EXPECT_EQ(array.size(), 1u);
  ASSERT_TRUE(buffer.grow(8));
  EXPECT_EQ(array.size(), 2u);
}

TEST(SharedArray, OfAFixedCountStaysSo) {
  SharedBuffer buffer = SharedBuffer::create(16, {.max_size = 100}).value();
  const auto array = SharedArray<std::int32_t>::over(buffer, 4, 2).value();
  ASSERT_TRUE(buffer.grow(100));
  EXPECT_EQ(array.size(), 2u);
  EXPECT_EQ(array.offset(), 4u);
}

TEST(SharedArray, ViewsOverlap) {
  const SharedBuffer buffer = SharedBuffer::create(16).value();
  const auto bytes = SharedArray<std::uint8_t>::over(buffer).value();
  const auto words = SharedArray<std::uint32_t>::over(buffer, 8).value();
  words[0] = 0xFFFF'FFFFU;
  EXPECT_EQ(std::accumulate(bytes.begin(), bytes.end(), 0), 4 * 255);
  EXPECT_EQ(bytes[8], 255);
}

TEST(SharedArray, RefusesWhatDoesNotLieInsideTheBuffer) {
  const SharedBuffer buffer = SharedBuffer::create(16, {.max_size = 4096}).value();
  using Array = SharedArray<std::int32_t>;
  EXPECT_TRUE(Array::over(buffer, 0, 4));
  EXPECT_TRUE(Array::over(buffer, 16, 0));
  EXPECT_FALSE(Array::over(buffer, 0, 5));
  EXPECT_FALSE(Array::over(buffer, 20));
  EXPECT_FALSE(Array::over(buffer, 4, std::numeric_limits<std::size_t>::max() / 4));
  EXPECT_FALSE(Array::over(buffer, 2)) << "not aligned";
  EXPECT_FALSE(SharedArray<std::int64_t>::over(buffer, 4)) << "not aligned";
  EXPECT_EQ(Array::over(SharedBuffer()).error().code(), EBADF);
}

TEST(SharedArray, RefusesMoreThanThereCanBe) {
  using Array = SharedArray<std::int64_t>;
  EXPECT_EQ(Array::try_create(std::numeric_limits<std::size_t>::max() / 2).error().code(), EINVAL);
  EXPECT_THROW(Array::create(std::numeric_limits<std::size_t>::max() / 16), ErrorException);
}

TEST(SharedArray, WhoseBufferAPeerShrinksThrows) {
  const auto array = SharedArray<std::int32_t>::create(4, {.max_count = 8});
  SharedSegment all = SharedSegment::attach(array.buffer().fd().duplicate()).value();
  std::memset(all.data() + 24, 0, 8);  // the length
  EXPECT_EQ(array.size(), 0u);
  EXPECT_THROW(array[0], std::out_of_range);
}

}  // namespace
}  // namespace brigade
