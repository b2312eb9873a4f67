#include "cluster/control_json.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace brigade::cluster::detail {
namespace {

std::string again(std::string_view text) {
  auto value = parse_json(text);
  return value ? to_json(*value) : "refused: " + value.error().message();
}
bool refuses(std::string_view text) {
  return !parse_json(text).ok();
}

TEST(ControlJson, ReadsWhatItWrites) {
  for (const char* text :
       {"null", "true", "false", "0", "-7", "9223372036854775807", "-9223372036854775808", "0.5",
        "\"\"", "\"a\"", "[]", "{}", R"([1,[2,{"a":[]}],"x"])",
        R"({"ok":true,"n":-1,"list":[1,2.5,null],"o":{"p":"q"}})"}) {
    EXPECT_EQ(again(text), text);
  }
}

TEST(ControlJson, TakesSpaceBetweenTokens) {
  EXPECT_EQ(again(" \t\r\n{ \"a\" : [ 1 , 2 ] } \n"), R"({"a":[1,2]})");
}

TEST(ControlJson, ReadsEscapesAndSurrogates) {
  EXPECT_EQ(again(R"("\"\\\/\b\f\n\r\t")"), R"("\"\\/\u0008\u000c\u000a\u000d\u0009")");
  EXPECT_EQ(again(R"("\u0041\u00e9\u20ac\ud83d\ude00")"),
            "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

TEST(ControlJson, KeepsNulsInStringsEscaped) {
  auto value = parse_json(R"("a\u0000b")");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->as_string().size(), 3U);
  EXPECT_EQ(to_json(*value), R"("a\u0000b")");
}

TEST(ControlJson, RefusesWhatIsNoJson) {
  for (const char* text :
       {"",           " ",           "nul",         "tru",     "True",     "{",         "}",
        "[",          "[1",          "[1,",         "[1,]",    "[,1]",     "{\"a\"}",   "{\"a\":}",
        "{\"a\":1,}", "{a:1}",       "{\"a\" 1}",   "\"",      "\"a",      "'a'",       "1 2",
        "[1] x",      "01",          "-",           "-a",      "1.",       ".5",        "1e",
        "1e+",        "+1",          "0x1",         "NaN",     "Infinity", "-Infinity", "\"\\x\"",
        "\"\\u12\"",  "\"\\u12g4\"", "\"\\u-123\"", "// c\n1", "[1]]"}) {
    EXPECT_TRUE(refuses(text)) << text;
  }
}

TEST(ControlJson, RefusesControlCharactersAndIllFormedText) {
  for (const std::string_view text :
       {std::string_view("\"a\nb\""), std::string_view("\"a\0b\"", 5), std::string_view("\0", 1),
        std::string_view("1\0", 2), std::string_view("\"\xff\""), std::string_view("\"\xc0\xaf\""),
        std::string_view("\"\xed\xa0\x80\""), std::string_view("\"\xe2\x82"),
        std::string_view(R"("\ud800")"), std::string_view(R"("\udc00\ud800")"),
        std::string_view(R"("\ud800A")")}) {
    EXPECT_TRUE(refuses(text)) << text;
  }
}

TEST(ControlJson, RefusesANameThatComesTwice) {
  EXPECT_TRUE(refuses(R"({"a":1,"a":2})"));
  EXPECT_TRUE(refuses(R"({"a":1,"\u0061":2})"));
}

TEST(ControlJson, RefusesNumbersThatDoNotFit) {
  EXPECT_TRUE(refuses("9223372036854775808"));
  EXPECT_TRUE(refuses("1e999"));
}

TEST(ControlJson, IsSixteenLevelsDeepAtMost) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_FALSE(refuses(nested(max_json_depth)));
  EXPECT_TRUE(refuses(nested(max_json_depth + 1)));
  EXPECT_TRUE(refuses(std::string(60'000, '[')));
  std::string objects;
  for (int depth = 0; depth < 10'000; ++depth) objects += "{\"a\":";
  EXPECT_TRUE(refuses(objects));
}

TEST(ControlJson, SaysWhereItIsWrong) {
  auto value = parse_json("[1,2,x]");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message(), "byte 5: no value begins here");
}

TEST(ControlJson, WritesTextThatIsNoTextAsReplacement) {
  EXPECT_EQ(to_json(Value("a\xff"
                          "b")),
            "\"a\xef\xbf\xbd"
            "b\"");
}

TEST(ControlJson, ReadsGarbageWithoutHarm) {
  constexpr std::string_view letters = "{}[]\",:0123456789.eE+-\\u\x01\xc3\xa9 truefalsn";
  std::mt19937 random(4711);
  for (int round = 0; round < 50'000; ++round) {
    std::string text(random() % 40, ' ');
    for (char& each : text) each = letters[random() % letters.size()];
    auto value = parse_json(text);
    if (!value) continue;
    const std::string written = to_json(*value);
    EXPECT_EQ(again(written), written) << text;
  }
}

}  // namespace
}  // namespace brigade::cluster::detail
