#include <brigade/message_port.hpp>
#include <brigade/shared_array.hpp>
#include <brigade/value_convert.hpp>

#include <gtest/gtest.h>
#include <cmath>

#include <limits>
#include <map>

namespace brigade {
namespace {

enum class Color { red, green };
BOOST_DESCRIBE_ENUM(Color, red, green)
enum Small { zero, one };  // no underlying type: other numbers would be undefined
BOOST_DESCRIBE_ENUM(Small, zero, one)

struct User {
  std::string name;
  std::int8_t age = 0;
  std::optional<std::string> email;
};
BOOST_DESCRIBE_STRUCT(User, (), (name, age, email))

struct Team {
  std::vector<User> users;
  std::map<std::string, Color> colors;
  std::unique_ptr<User> lead;
};
BOOST_DESCRIBE_STRUCT(Team, (), (users, colors, lead))

struct Ring {
  std::shared_ptr<Ring> next;
  std::vector<std::shared_ptr<Ring>> others;
};
BOOST_DESCRIBE_STRUCT(Ring, (), (next, others))

template <class T>
std::string error_reading(Value message) {
  Result<T> result = value_to<T>(std::move(message));
  return result ? "no error" : result.error().message();
}
template <class T>
std::string error_writing(T&& from) {
  Result<Value> result = to_value(std::forward<T>(from));
  return result ? "no error" : result.error().message();
}

Value team(Value user) {
  return Value::object({{"users", Value::array(std::move(user))}, {"colors", Value::object()}});
}

TEST(ValueConvertErrors, NameTheFieldThatIsMissing) {
  EXPECT_EQ(error_reading<Team>(team(Value::object({{"name", "Ann"}}))), ".users[0].age: missing");
}

TEST(ValueConvertErrors, LetOptionalsAndPointersBeMissingAndUnknownFieldsBeThere) {
  Value user = Value::object({{"name", "Ann"}, {"age", 7}, {"unknown", 1}});
  const Team read = value_as<Team>(team(std::move(user)));
  EXPECT_FALSE(read.users[0].email.has_value());
  EXPECT_EQ(read.lead, nullptr);
}

TEST(ValueConvertErrors, NameTheFieldOfTheWrongType) {
  EXPECT_EQ(error_reading<Team>(team(Value::object({{"name", 7}, {"age", 7}}))),
            ".users[0].name: expected a string, got an integer");
  EXPECT_EQ(error_reading<Team>(team(7)), ".users[0]: expected an object, got an integer");
  EXPECT_EQ(error_reading<Team>(Value::array()), "expected an object, got an array");
  EXPECT_EQ(error_reading<int>(1.0), "expected an integer, got a number");
  EXPECT_EQ(error_reading<bool>(1), "expected a boolean, got an integer");
  EXPECT_EQ(error_reading<double>("1"), "expected a number, got a string");
  EXPECT_EQ(error_reading<Bytes>("1"), "expected bytes, got a string");
  EXPECT_EQ(error_reading<MessagePort>(nullptr), "expected a port, got null");
  EXPECT_EQ(error_reading<SharedBuffer>(nullptr), "expected a shared buffer, got null");
}

TEST(ValueConvertErrors, NameTheIntegerThatDoesNotFit) {
  EXPECT_EQ(error_reading<std::vector<std::int8_t>>(Value::array(127, 128)),
            "[1]: expected an integer from -128 to 127, got 128");
  EXPECT_EQ(error_reading<std::uint64_t>(-1),
            "expected an integer from 0 to 18446744073709551615, got -1");
  EXPECT_EQ(error_writing(std::map<std::string, std::uint64_t>{{"id", 1ULL << 63}}),
            ".id: 9223372036854775808 is too large for a message, whose integers end at "
            "9223372036854775807");
}

TEST(ValueConvertErrors, RefuseANumberThatIsTooLargeForAFloat) {
  EXPECT_EQ(error_reading<float>(1e300), "expected a number that fits a float, got 1e+300");
  EXPECT_EQ(error_reading<float>(INFINITY), "no error");
}

TEST(ValueConvertErrors, ListTheEnumerators) {
  EXPECT_EQ(error_reading<Color>("blue"), "expected one of red, green, got \"blue\"");
  EXPECT_EQ(error_reading<Color>(nullptr), "expected a string, got null");
  EXPECT_EQ(error_reading<Small>(2), "no enumerator has that number");
  EXPECT_EQ(error_reading<Small>(1), "no error");
}

TEST(ValueConvertErrors, NameTheSizeThatWasExpected) {
  EXPECT_EQ((error_reading<std::pair<int, int>>(Value::array(1))),
            "expected an array of 2 elements, got 1");
  EXPECT_EQ((error_reading<std::array<std::byte, 2>>(Bytes(3))), "expected 2 bytes, got 3");
}

TEST(ValueConvertErrors, RefuseAnAlternativeThatIsNotThere) {
  using Either = std::variant<int, std::string>;
  EXPECT_EQ(error_reading<Either>(Value::array(2, 1)),
            "[0]: expected an integer from 0 to 1, got 2");
  EXPECT_EQ(error_reading<Either>(Value::array(1, 1)), "[1]: expected a string, got an integer");
  EXPECT_EQ(error_reading<Either>("a"), "expected an array, got a string");
}

TEST(ValueConvertErrors, RefuseTimesBeyondTheirRange) {
  const std::string beyond = "the time is beyond 64 bits of nanoseconds, 292 years";
  EXPECT_EQ(error_writing(std::chrono::seconds::max()), beyond);
  EXPECT_EQ(error_writing(std::chrono::hours::min()), beyond);
  EXPECT_EQ(error_writing(std::chrono::duration<double>(1e300)), beyond);
  EXPECT_EQ(error_writing(std::chrono::nanoseconds::max()), "no error");
  using Pico = std::chrono::duration<std::int64_t, std::pico>;
  EXPECT_EQ(error_reading<Pico>(std::numeric_limits<std::int64_t>::max()),
            "the time is beyond the range of its type");
}

TEST(ValueConvertErrors, RefuseCyclesAndSayWhereTheyLead) {
  const auto ring = std::make_shared<Ring>();
  ring->next = std::make_shared<Ring>();
  ring->next->others = {nullptr, ring};
  EXPECT_EQ(error_writing(ring),
            ".next.others[1]: leads back to the start, and a message cannot hold a cycle");
  Ring outer;
  outer.next = ring;
  EXPECT_EQ(error_writing(outer),
            ".next.next.others[1]: leads back to .next, and a message cannot hold a cycle");
  ring->next->others.clear();
  ring->others = {ring->next, ring->next};  // shared, but no cycle
  EXPECT_EQ(error_writing(outer), "no error");
  ring->next = nullptr;
}

TEST(ValueConvertErrors, RefuseWhatIsNestedTooDeep) {
  std::shared_ptr<Ring> chain;
  for (int i = 0; i < 64; ++i) chain = std::make_shared<Ring>(Ring{.next = chain, .others = {}});
  // The innermost one's array is the sixty-fifth level.
  EXPECT_TRUE(error_writing(chain).ends_with(".others: nested deeper than 64 levels"));
  chain = chain->next;
  EXPECT_EQ(error_writing(chain), "no error");
}

TEST(ValueConvertErrors, NameThePlaceInsideAValue) {
  const std::map<std::string, Value> none;
  std::vector<std::pair<int, Value>> list;
  list.emplace_back(1, Value::object({{"port", MessagePort()}}));
  EXPECT_EQ(error_writing(list), "[0][1].port: a port cannot be copied, move the message");
  EXPECT_EQ(error_writing(std::move(list)), "no error");
}

TEST(ValueConvertErrors, RefuseASharedArrayThatDoesNotFitItsBuffer) {
  const SharedBuffer buffer = SharedBuffer::create(64).value();
  using Array = SharedArray<std::int32_t>;
  const auto message = [&](Value offset, Value count, Value size) {
    return Value::object({{"buffer", buffer},
                          {"offset", std::move(offset)},
                          {"count", std::move(count)},
                          {"element_size", std::move(size)}});
  };
  EXPECT_EQ(error_reading<Array>(message(0, 16, 4)), "no error");
  EXPECT_NE(error_reading<Array>(message(0, 17, 4)), "no error");
  EXPECT_NE(error_reading<Array>(message(2, 1, 4)), "no error");
  EXPECT_NE(error_reading<Array>(message(68, nullptr, 4)), "no error");
  EXPECT_EQ(error_reading<Array>(message(0, 1, 8)), "expected elements of 4 bytes, got 8");
  EXPECT_EQ(error_reading<Array>(Value::object()), ".buffer: missing");
  EXPECT_EQ(error_reading<Array>(message(-1, 1, 4)),
            ".offset: expected an integer from 0 to 18446744073709551615, got -1");
}

TEST(ValueConvertErrors, AreThrownByTheFunctionsThatThrow) {
  try {
    value_as<int>(Value("a"));
    FAIL();
  } catch (const MessageError& error) {
    EXPECT_STREQ(error.what(), "expected an integer, got a string");
  }
  EXPECT_THROW(make_value(std::chrono::seconds::max()), MessageError);
}

}  // namespace
}  // namespace brigade
