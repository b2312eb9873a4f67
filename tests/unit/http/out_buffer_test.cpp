#include "http/out_buffer.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <string_view>

namespace brigade::http::detail {
namespace {

std::string_view contents(const OutBuffer& buffer) {
  return {buffer.data(), buffer.size()};
}

TEST(OutBuffer, IsEmptyAtFirst) {
  const OutBuffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.size(), 0U);
}

TEST(OutBuffer, KeepsWhatWasAppendedInOrder) {
  OutBuffer buffer;
  buffer.append("one ");
  buffer.append("");
  buffer.append("two");
  EXPECT_EQ(contents(buffer), "one two");
}

TEST(OutBuffer, HoldsWhatWasWrittenIntoItsRoomAndCommitted) {
  OutBuffer buffer;
  buffer.append("head ");
  char* at = buffer.reserve(1000);
  std::memcpy(at, "body", 4);
  EXPECT_EQ(contents(buffer), "head ");
  buffer.commit(at + 4);
  EXPECT_EQ(contents(buffer), "head body");
}

TEST(OutBuffer, KeepsItsContentsWhenItGrows) {
  OutBuffer buffer;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string part(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
    buffer.append(part);
    expected += part;
  }
  EXPECT_EQ(contents(buffer), expected);
}

TEST(OutBuffer, GivesBytesAwayFromTheFront) {
  OutBuffer buffer;
  buffer.append("abcdef");
  buffer.consume(2);
  EXPECT_EQ(contents(buffer), "cdef");
  buffer.append("gh");
  EXPECT_EQ(contents(buffer), "cdefgh");
  buffer.consume(6);
  EXPECT_TRUE(buffer.empty());
}

TEST(OutBuffer, StartsAtItsBeginningAgainOnceItIsEmpty) {
  OutBuffer buffer;
  buffer.append("abc");
  const char* const begin = buffer.data();
  buffer.consume(3);
  buffer.append("def");
  EXPECT_EQ(buffer.data(), begin);
}

TEST(OutBuffer, GivesBackTheMemoryOfAnIdleConnection) {
  OutBuffer buffer;
  buffer.append(std::string(100'000, 'x'));
  buffer.consume(100'000);
  buffer.shrink(4096);
  EXPECT_EQ(buffer.data(), nullptr);
  buffer.append("again");
  EXPECT_EQ(contents(buffer), "again");
}

TEST(OutBuffer, KeepsAsMuchMemoryAsItMay) {
  OutBuffer buffer;
  buffer.append("small");
  buffer.consume(5);
  buffer.shrink(4096);
  EXPECT_NE(buffer.data(), nullptr);
}

TEST(OutBuffer, DoesNotShrinkWhileBytesWait) {
  OutBuffer buffer;
  buffer.append(std::string(100'000, 'x'));
  buffer.consume(99'999);
  buffer.shrink(0);
  EXPECT_EQ(contents(buffer), "x");
}

TEST(OutBuffer, IsAStringThatIsWrittenAtOneEndAndReadAtTheOther) {
  std::mt19937 random(3);
  OutBuffer buffer;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    if (random() % 2 == 0) {
      const std::string part(random() % 700, static_cast<char>('a' + i % 26));
      buffer.append(part);
      expected += part;
    } else {
      const std::size_t count = random() % (expected.size() + 1);
      buffer.consume(count);
      expected.erase(0, count);
    }
    ASSERT_EQ(contents(buffer), expected);
  }
}

}  // namespace
}  // namespace brigade::http::detail
