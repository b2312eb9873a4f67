#include <brigade/http/form.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace brigade::http {
namespace {

QueryParams params_of(std::string_view text) {
  return QueryParams::parse(text).value();
}

// "a=1|b=2"
std::string show(std::string_view text) {
  const QueryParams params = params_of(text);
  std::string out;
  for (const auto& [name, value] : params) {
    if (!out.empty()) out += '|';
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

template <class T>
std::string refusal(std::string_view text, std::string_view name) {
  const Result<T> number = params_of(text).number<T>(name);
  return number ? "" : number.error().message();
}

TEST(QueryParams, KeepsPairsInOrder) {
  EXPECT_EQ(show("b=2&a=1&b=3"), "b=2|a=1|b=3");
  EXPECT_EQ(show(""), "");
}

TEST(QueryParams, TakesANameAloneForAnEmptyValue) {
  EXPECT_EQ(show("a&b=&=c&d"), "a=|b=|=c|d=");
}

TEST(QueryParams, SkipsEmptyPairs) {
  EXPECT_EQ(show("&&a=1&&b=2&"), "a=1|b=2");
}

TEST(QueryParams, SplitsAtTheFirstEqualsSign) {
  EXPECT_EQ(show("a=b=c"), "a=b=c");
}

TEST(QueryParams, DecodesNamesAndValuesAfterSplitting) {
  EXPECT_EQ(show("caf%C3%A9=x%26y%3Dz"), "caf\xc3\xa9=x&y=z");
  EXPECT_EQ(show("a+b=c+d%2Be"), "a b=c d+e");
}

TEST(QueryParams, RefusesBadEscapes) {
  for (std::string_view text : {"a=%", "a=%4", "%zz=1", "ok=1&a=%g0"}) {
    EXPECT_FALSE(QueryParams::parse(text)) << text;
  }
  EXPECT_EQ(QueryParams::parse("ok=1&a=%\n").error().message(),
            R"(bad percent escape in "a=%\x0a")");
}

TEST(QueryParams, TakesAThousandPairsAndNoMore) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "&a=1";
  EXPECT_EQ(params_of(text).size(), 1000U);
  EXPECT_EQ(params_of(text + "&&").size(), 1000U);
  EXPECT_EQ(QueryParams::parse(text + "&b").error().message(), "more than 1000 parameters");
}

TEST(QueryParams, GetsTheFirstValueOfAName) {
  const QueryParams params = params_of("a=1&a=2&b");
  EXPECT_EQ(params.get("a"), "1");
  EXPECT_EQ(params.get("b"), "");
  EXPECT_EQ(params.get("A"), std::nullopt);
}

TEST(QueryParams, GivesAllValuesOfAName) {
  const QueryParams params = params_of("a=1&b=x&a=2");
  EXPECT_EQ(params.all("a"), (std::vector<std::string_view>{"1", "2"}));
  EXPECT_TRUE(params.all("c").empty());
}

TEST(QueryParams, ReadsNumbers) {
  const QueryParams params = params_of("n=42&m=-7&f=2.5&e=1e3&big=18446744073709551615");
  EXPECT_EQ(*params.number<int>("n"), 42);
  EXPECT_EQ(*params.number<std::int8_t>("m"), -7);
  EXPECT_EQ(*params.number<double>("f"), 2.5);
  EXPECT_EQ(*params.number<float>("e"), 1000.0F);
  EXPECT_EQ(*params.number<double>("n"), 42.0);
  EXPECT_EQ(*params.number<std::uint64_t>("big"), 18446744073709551615U);
}

TEST(QueryParams, NamesAMissingNumber) {
  EXPECT_EQ(refusal<int>("a=1", "width"), "width: missing");
}

TEST(QueryParams, RefusesTextThatIsNotAllNumber) {
  EXPECT_EQ(refusal<int>("width=12x", "width"), R"(width: expected an integer, got "12x")");
  for (std::string_view text : {"n=", "n=%201", "n=1%20", "n=%2B1", "n=0x10", "n=1.5", "n=1e3"}) {
    EXPECT_NE(refusal<int>(text, "n"), "") << text;
  }
  for (std::string_view text : {"n=", "n=inf", "n=nan", "n=-Infinity", "n=1.5.2", "n=0x1p3"}) {
    EXPECT_NE(refusal<double>(text, "n").find("n: expected a number, got"), std::string::npos)
        << text;
  }
}

TEST(QueryParams, NamesTheRangeOfANumberThatDoesNotFit) {
  EXPECT_EQ(refusal<std::uint8_t>("n=300", "n"),
            R"(n: expected an integer from 0 to 255, got "300")");
  EXPECT_EQ(refusal<std::uint8_t>("n=-5", "n"),
            R"(n: expected an integer from 0 to 255, got "-5")");
  EXPECT_EQ(refusal<float>("n=1e99", "n"), R"(n: expected a number that fits a float, got "1e99")");
}

TEST(QueryParams, EscapesWhatItQuotes) {
  EXPECT_EQ(refusal<int>("n=%22%0D%0A", "n"), R"(n: expected an integer, got "\x22\x0d\x0a")");
}

}  // namespace
}  // namespace brigade::http
