#include <brigade/json.hpp>

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace shop {

enum class Color { red, green };
BOOST_DESCRIBE_ENUM(Color, red, green)

struct Tag {
  std::string name;
  std::uint8_t weight = 0;
};
BOOST_DESCRIBE_STRUCT(Tag, (), (name, weight))

struct Entity {
  std::int64_t id = 0;
};
BOOST_DESCRIBE_STRUCT(Entity, (), (id))

struct Product : Entity {
  std::string title;
  double price = 0;
  std::optional<Color> color;
  std::vector<Tag> tags;
};
BOOST_DESCRIBE_STRUCT(Product, (Entity), (title, price, color, tags))

struct Order {
  Product product;
  std::map<std::string, int> counts;
};
BOOST_DESCRIBE_STRUCT(Order, (), (product, counts))

struct Folder {
  std::vector<Folder> folders;
};
BOOST_DESCRIBE_STRUCT(Folder, (), (folders))

class Account {
 public:
  Account() = default;
  explicit Account(int balance) : balance_(balance) {}

 private:
  BOOST_DESCRIBE_CLASS(Account, (), (), (), (balance_))
  int balance_ = 0;
};

}  // namespace shop

namespace brigade {
namespace {

using shop::Color;
using shop::Order;
using shop::Product;

// The error's text, or "" when there is none.
template <class T>
std::string refusal(std::string_view text) {
  const Result<T> result = from_json_text<T>(text);
  return result ? "" : result.error().message();
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(JsonText, WritesADescribedStructWithItsBase) {
  const Product product{{7}, "Lamp", 12.5, Color::green, {{"new", 3}}};
  EXPECT_EQ(
      to_json_text(product),
      R"({"id":7,"title":"Lamp","price":12.5,"color":"green","tags":[{"name":"new","weight":3}]})");
}

TEST(JsonText, WritesAnEmptyOptionalAsNull) {
  EXPECT_EQ(to_json_text(std::optional<int>()), "null");
  EXPECT_EQ(to_json_text(std::optional<int>(3)), "3");
}

TEST(JsonText, WritesContainers) {
  EXPECT_EQ(to_json_text(std::vector<int>{1, 2}), "[1,2]");
  EXPECT_EQ(to_json_text(std::vector<bool>{true, false}), "[true,false]");
  EXPECT_EQ(to_json_text(std::vector<int>{}), "[]");
  EXPECT_EQ(to_json_text(std::array<int, 2>{3, 4}), "[3,4]");
  EXPECT_EQ(to_json_text(std::set<std::string>{"b", "a"}), R"(["a","b"])");
  EXPECT_EQ(to_json_text(std::tuple(1, "x", true)), R"([1,"x",true])");
  EXPECT_EQ(to_json_text(std::map<std::string, int>{{"a", 1}, {"b", 2}}), R"({"a":1,"b":2})");
  EXPECT_EQ(to_json_text(std::map<std::string, int>{}), "{}");
}

TEST(JsonText, WritesNumbersInFull) {
  EXPECT_EQ(to_json_text(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(to_json_text(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(to_json_text(std::int8_t{-5}), "-5");
  EXPECT_EQ(to_json_text(0.1), "0.1");
  EXPECT_EQ(to_json_text(0.1F), "0.1");
  EXPECT_EQ(to_json_text(1e300), "1e+300");
}

TEST(JsonText, WritesWhatJsonCannotSayAsNull) {
  EXPECT_EQ(to_json_text(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(to_json_text(std::numeric_limits<float>::quiet_NaN()), "null");
  EXPECT_EQ(to_json_text(boost::json::value(std::numeric_limits<double>::quiet_NaN())), "null");
}

TEST(JsonText, EscapesWhatAStringMayNotHold) {
  using namespace std::string_literals;
  EXPECT_EQ(to_json_text("a\"b\\c\n\t\x01\0"s), R"("a\"b\\c\n\t\u0001\u0000")");
  EXPECT_EQ(to_json_text("caf\xc3\xa9 \xf0\x9f\x98\x80"), "\"caf\xc3\xa9 \xf0\x9f\x98\x80\"");
}

TEST(JsonText, ReplacesBytesThatAreNotUtf8) {
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(to_json_text("a\xff"), "\"a" + bad + "\"");
  EXPECT_EQ(to_json_text("\xc3"), "\"" + bad + "\"");
  EXPECT_EQ(to_json_text("\xc0\xaf"), "\"" + bad + bad + "\"");
  EXPECT_EQ(to_json_text("\xed\xa0\x80"), "\"" + bad + bad + bad + "\"");
  EXPECT_EQ(to_json_text("\xf4\x90\x80\x80"), "\"" + bad + bad + bad + bad + "\"");
}

TEST(JsonText, WritesATreeAsItIs) {
  const boost::json::value tree = {{"a", {1, 2.5, nullptr, true}}, {"b", boost::json::object()}};
  EXPECT_EQ(to_json_text(tree), R"({"a":[1,2.5,null,true],"b":{}})");
  EXPECT_EQ(to_json_text(std::vector<boost::json::value>{1, "x"}), R"([1,"x"])");
}

TEST(JsonText, WritesAnEnumWithoutANameAsItsNumber) {
  EXPECT_EQ(to_json_text(Color::red), R"("red")");
  EXPECT_EQ(to_json_text(static_cast<Color>(9)), "9");
}

TEST(JsonText, ReachesDescribedPrivateMembers) {
  EXPECT_EQ(to_json_text(shop::Account(5)), R"({"balance_":5})");
  EXPECT_EQ(refusal<shop::Account>(R"({"balance_":6})"), "");
}

TEST(JsonValues, ReadsBackWhatWasWritten) {
  const Order order{{{7}, "Lamp", 12.5, Color::green, {{"new", 3}, {"old", 255}}}, {{"x y", 2}}};
  const std::string text = to_json_text(order);
  Result<Order> read = from_json_text<Order>(text);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(to_json_text(*read), text);
}

TEST(JsonValues, TakesAnOptionalThatIsMissingOrNull) {
  for (std::string_view text : {R"({"id":1,"title":"","price":1,"tags":[]})",
                                R"({"id":1,"title":"","price":1,"tags":[],"color":null})"}) {
    Result<Product> read = from_json_text<Product>(text);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(read->color, std::nullopt);
  }
}

TEST(JsonValues, IgnoresUnknownFields) {
  EXPECT_EQ(refusal<shop::Tag>(R"({"name":"a","weight":1,"more":{"x":[1]}})"), "");
}

TEST(JsonValues, NamesAMissingField) {
  EXPECT_EQ(refusal<shop::Tag>(R"({"weight":1})"), "name: missing");
  EXPECT_EQ(refusal<Product>(R"({"title":"","price":1,"tags":[]})"), "id: missing");
  EXPECT_EQ(
      refusal<Product>(R"({"id":1,"title":"","price":1,"tags":[{"name":"a","weight":1},{}]})"),
      "tags[1].name: missing");
}

TEST(JsonValues, NamesAFieldOfTheWrongType) {
  EXPECT_EQ(refusal<Order>(R"({"product":{"id":"7"}})"),
            "product.id: expected an integer, got a string");
  EXPECT_EQ(refusal<Order>(R"({"product":[]})"), "product: expected an object, got an array");
  EXPECT_EQ(refusal<shop::Tag>(R"({"name":5})"), "name: expected a string, got a number");
  EXPECT_EQ(refusal<shop::Tag>(R"({"name":null})"), "name: expected a string, got null");
  EXPECT_EQ(refusal<std::vector<double>>("[1,true]"), "[1]: expected a number, got a boolean");
  EXPECT_EQ(refusal<std::vector<bool>>("[1]"), "[0]: expected a boolean, got a number");
}

TEST(JsonValues, NamesNoFieldAtTheTop) {
  EXPECT_EQ(refusal<shop::Tag>("[]"), "expected an object, got an array");
  EXPECT_EQ(refusal<std::vector<int>>("{}"), "expected an array, got an object");
}

TEST(JsonValues, QuotesAndEscapesTheKeysThatAClientChose) {
  using Map = std::map<std::string, int>;
  EXPECT_EQ(refusal<Map>(R"({"a b\n":true})"),
            R"(["a b\x0a"]: expected an integer, got a boolean)");
  EXPECT_EQ(refusal<Map>(R"({"a":true})"), "a: expected an integer, got a boolean");
}

TEST(JsonValues, ChecksTheRangeOfIntegers) {
  EXPECT_EQ(refusal<shop::Tag>(R"({"name":"a","weight":300})"),
            "weight: expected an integer from 0 to 255, got 300");
  EXPECT_EQ(refusal<unsigned>("-1"), "expected an integer from 0 to 4294967295, got -1");
  EXPECT_EQ(refusal<std::int8_t>("-129"), "expected an integer from -128 to 127, got -129");
  EXPECT_NE(refusal<std::int64_t>("9223372036854775808"), "");
  EXPECT_NE(refusal<std::uint64_t>("18446744073709551616"), "");
  EXPECT_EQ(refusal<std::int64_t>("-9223372036854775808"), "");
  EXPECT_EQ(refusal<std::uint64_t>("18446744073709551615"), "");
}

TEST(JsonValues, TakesAFractionOfZeroForAnInteger) {
  EXPECT_EQ(*from_json_text<int>("3.0"), 3);
  EXPECT_EQ(*from_json_text<int>("1e3"), 1000);
  EXPECT_EQ(refusal<int>("1.5"), "expected an integer, got 1.5");
  EXPECT_EQ(refusal<std::uint8_t>("300.0"), "expected an integer from 0 to 255, got 300");
}

TEST(JsonValues, TakesAnIntegerForAFloat) {
  EXPECT_EQ(*from_json_text<double>("3"), 3.0);
  EXPECT_EQ(*from_json_text<float>("18446744073709551615"), 18446744073709551615.0F);
}

TEST(JsonValues, RefusesNumbersThatDoNotFitAFloat) {
  EXPECT_EQ(refusal<float>("1e300"), "expected a number that fits a float, got 1e+300");
  EXPECT_EQ(refusal<double>("1e400"), "expected a number, got one beyond the range of a double");
  EXPECT_EQ(refusal<int>("1e400"),
            "expected an integer from -2147483648 to 2147483647, "
            "got one beyond the range of a double");
}

TEST(JsonValues, ReadsEnumsByName) {
  EXPECT_EQ(*from_json_text<Color>(R"("green")"), Color::green);
  EXPECT_EQ(refusal<Color>(R"("blue\n")"), R"(expected one of red, green, got "blue\x0a")");
  EXPECT_EQ(refusal<Color>("1"), "expected a string, got a number");
}

TEST(JsonValues, ChecksTheSizeOfFixedArrays) {
  using Pair = std::pair<int, std::string>;
  EXPECT_EQ(*from_json_text<Pair>(R"([1,"a"])"), Pair(1, "a"));
  EXPECT_EQ(refusal<Pair>("[1]"), "expected an array of 2 elements, got 1");
  EXPECT_EQ(refusal<Pair>("[1,2]"), "[1]: expected a string, got a number");
  EXPECT_NE((refusal<std::array<int, 3>>("[1,2,3,4]")), "");
}

TEST(JsonValues, ReadsOtherContainers) {
  EXPECT_EQ(*from_json_text<std::set<int>>("[3,1,3]"), (std::set<int>{1, 3}));
  EXPECT_EQ((*from_json_text<std::unordered_map<std::string, bool>>(R"({"a":true})"))["a"], true);
  EXPECT_EQ(*from_json_text<std::vector<bool>>("[true,false]"), (std::vector<bool>{true, false}));
}

TEST(JsonValues, CopiesATreeOutOfTheParsedText) {
  struct Holder {
    std::vector<boost::json::value> values;
  };
  Holder holder;
  {
    std::string text = R"([{"a":"a string too long for the small buffer of any value"},[1]])";
    holder.values = from_json_text<std::vector<boost::json::value>>(text).value();
    text.assign(text.size(), 'x');
  }
  EXPECT_EQ(holder.values[0].storage(), boost::json::storage_ptr());
  EXPECT_EQ(holder.values[0].at("a").as_string().size(), 51U);
}

TEST(JsonValues, ReadsTypesThatHoldThemselves) {
  const std::string text = R"({"folders":[{"folders":[]},{"folders":[]}]})";
  Result<shop::Folder> read = from_json_text<shop::Folder>(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json_text(*read), text);
}

TEST(JsonParser, SaysWhereTheTextIsWrong) {
  EXPECT_EQ(refusal<int>("{\n  \"a\": 1,\n  b: 2}"),
            R"(invalid JSON at line 3, column 3 (byte 14): unexpected "b")");
  EXPECT_EQ(refusal<int>("[1] x"),
            R"(invalid JSON at line 1, column 5 (byte 4): unexpected "x" after the value)");
  EXPECT_EQ(refusal<int>("[1,"),
            "invalid JSON at line 1, column 4 (byte 3): the text ends too early");
  EXPECT_EQ(refusal<int>(""), "invalid JSON at line 1, column 1 (byte 0): the text ends too early");
}

TEST(JsonParser, RefusesWhatOnlyJavaScriptTakes) {
  for (std::string_view text : {"{a:1}", "[1,]", "'a'", "NaN", "01", "+1", "[1]//x", "0x10", ".5",
                                "\"a\nb\"", "undefined", "\xef\xbb\xbf{}"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(JsonParser, RefusesInvalidUtf8) {
  EXPECT_EQ(refusal<std::string>("\"\xff\""),
            R"(invalid JSON at line 1, column 2 (byte 1): invalid UTF-8, "\xff")");
  EXPECT_FALSE(parse_json("\"\xed\xa0\x80\""));
  EXPECT_FALSE(parse_json("{\"\xc0\xaf\":1}"));
  EXPECT_FALSE(parse_json(R"("\ud800")"));
}

TEST(JsonParser, RefusesNestingDeeperThanSixtyFour) {
  EXPECT_TRUE(parse_json(nested(64)));
  EXPECT_EQ(refusal<boost::json::value>(nested(65)),
            "invalid JSON at line 1, column 65 (byte 64): nested deeper than 64 levels");
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
}

TEST(JsonParser, LetsTheLastOfEqualNamesCount) {
  Result<boost::json::value> value = parse_json(R"({"a":1,"a":2})");
  ASSERT_TRUE(value);
  EXPECT_EQ(to_json_text(*value), R"({"a":2})");
}

}  // namespace
}  // namespace brigade
