#include "http/percent.hpp"

#include <gtest/gtest.h>

namespace brigade::http {
namespace {

std::string decoded(std::string_view text, bool plus_is_space = false) {
  std::string out = "old";
  EXPECT_TRUE(percent_decode(text, out, plus_is_space)) << text;
  return out;
}

TEST(Percent, LeavesPlainTextAlone) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("/a/b+c"), "/a/b+c");
}

TEST(Percent, DecodesBothCasesOfHex) {
  EXPECT_EQ(decoded("%2F%2f%41%7e"), "//A~");
}

TEST(Percent, DecodesOnce) {
  EXPECT_EQ(decoded("%252e"), "%2e");
}

TEST(Percent, DecodesEveryByte) {
  EXPECT_EQ(decoded("a%00b%ff%0d"), std::string("a\0b\xff\r", 5));
}

TEST(Percent, TakesPlusForSpaceOnlyWhenAsked) {
  EXPECT_EQ(decoded("a+b%2Bc", true), "a b+c");
  EXPECT_EQ(decoded("a+b%2Bc", false), "a+b+c");
}

TEST(Percent, RefusesBrokenEscapes) {
  for (std::string_view text : {"%", "%4", "%zz", "%4z", "%z4", "a%", "%u0041", "%%41", "%+1"}) {
    std::string out = "old";
    EXPECT_FALSE(percent_decode(text, out)) << text;
    EXPECT_EQ(out, "");
  }
}

TEST(Percent, TellsWhetherThereIsAnythingToDo) {
  EXPECT_FALSE(has_escapes("/a+b"));
  EXPECT_TRUE(has_escapes("/a%41"));
  EXPECT_TRUE(has_escapes("a+b", true));
}

}  // namespace
}  // namespace brigade::http
