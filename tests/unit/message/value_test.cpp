#include <brigade/message_port.hpp>
#include <brigade/shared_buffer.hpp>
#include <brigade/value.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <limits>

namespace brigade {
namespace {

using Kind = Value::Kind;

template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const MessageError& error) {
    return error.what();
  }
  return "no error";
}

Fd some_descriptor() {
  return Fd(::dup(0));
}

static_assert(std::is_nothrow_move_constructible_v<Value>);
static_assert(std::is_nothrow_move_assignable_v<Value>);
static_assert(!std::is_copy_constructible_v<Value> && !std::is_copy_assignable_v<Value>);
static_assert(!std::is_constructible_v<Value, int*>, "no pointer is a boolean");
static_assert(!std::is_constructible_v<Value, char>, "is it a number or a text?");
static_assert(!std::is_constructible_v<Value, long double>, "it would lose digits");

TEST(Value, IsNullByDefault) {
  EXPECT_EQ(Value().kind(), Kind::null);
  EXPECT_TRUE(Value(nullptr).is_null());
  EXPECT_TRUE(Value(static_cast<const char*>(nullptr)).is_null());
}

TEST(Value, TakesEachKindFromItsType) {
  EXPECT_EQ(Value(true).kind(), Kind::boolean);
  EXPECT_EQ(Value(7).kind(), Kind::integer);
  EXPECT_EQ(Value(std::uint8_t{7}).kind(), Kind::integer);
  EXPECT_EQ(Value(7.0).kind(), Kind::number);
  EXPECT_EQ(Value(7.0f).kind(), Kind::number);
  EXPECT_EQ(Value("seven").kind(), Kind::string);
  EXPECT_EQ(Value(std::string_view("seven")).kind(), Kind::string);
  EXPECT_EQ(Value(std::string("seven")).kind(), Kind::string);
  EXPECT_EQ(Value(Bytes(7)).kind(), Kind::bytes);
  EXPECT_EQ(Value(Value::Array(7)).kind(), Kind::array);
  EXPECT_EQ(Value(Value::Object()).kind(), Kind::object);
  EXPECT_EQ(Value(MessagePort()).kind(), Kind::port);
  EXPECT_EQ(Value(SharedBuffer()).kind(), Kind::buffer);
  EXPECT_EQ(Value(Fd()).kind(), Kind::descriptor);
}

TEST(Value, KeepsTheWholeRangeOfItsIntegers) {
  constexpr auto low = std::numeric_limits<std::int64_t>::min();
  constexpr auto high = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(Value(low).as_integer(), low);
  EXPECT_EQ(Value(high).as_integer(), high);
  EXPECT_EQ(Value(std::uint64_t{high}).as_integer(), high);
}

TEST(Value, RefusesUnsignedIntegersBeyondItsRange) {
  EXPECT_EQ(error_of([] { return Value(std::numeric_limits<std::uint64_t>::max()); }),
            "18446744073709551615 is beyond the range of a message's integers, which have 64 bits "
            "and a sign: send it as text or as a double");
}

TEST(Value, IsNullOnceMovedFrom) {
  Value from = "text";
  const Value to = std::move(from);
  EXPECT_TRUE(from.is_null());
  EXPECT_EQ(to.as_string(), "text");
}

TEST(Value, CanBeReplacedByAPartOfItself) {
  Value value = Value::object({{"child", Value::array("a", Value::array("b"))}});
  value = std::move(value.at("child"));
  EXPECT_EQ(value, Value::array("a", Value::array("b")));
  value = std::move(value[1]);
  EXPECT_EQ(value, Value::array("b"));
}

TEST(Value, SurvivesBeingMovedToItself) {
  Value value = "text";
  Value& same = value;
  value = std::move(same);
  EXPECT_EQ(value, "text");
}

TEST(Value, KeepsTheMemoryOfTextsAndBytes) {
  std::string text(100, 'x');
  const char* const text_data = text.data();
  Bytes bytes(100);
  const std::byte* const bytes_data = bytes.data();
  Value value = Value::array(std::move(text), std::move(bytes));
  Value moved = std::move(value);
  EXPECT_EQ(moved[0].as_string().data(), text_data);
  EXPECT_EQ(std::move(moved[1]).as_bytes().data(), bytes_data);
}

TEST(Value, ClosesTheDescriptorsThatItHolds) {
  Fd descriptor = some_descriptor();
  const int number = descriptor.get();
  {
    const Value value = Value::array(std::move(descriptor));
    EXPECT_EQ(value[0].as_descriptor().get(), number);
  }
  EXPECT_EQ(::close(number), -1);
}

TEST(Value, TellsWhatItIsWhenAskedForSomethingElse) {
  EXPECT_EQ(error_of([] { (void)Value(7).as_string(); }), "expected a string, got an integer");
  EXPECT_EQ(error_of([] { (void)Value().as_bool(); }), "expected a boolean, got null");
  EXPECT_EQ(error_of([] { (void)Value(7.0).as_integer(); }), "expected an integer, got a number");
  EXPECT_EQ(error_of([] { (void)Value(Bytes()).as_port(); }), "expected a port, got bytes");
  EXPECT_EQ(error_of([] { (void)Value("x").as_number(); }), "expected a number, got a string");
}

TEST(Value, GivesAnIntegerAsANumberToo) {
  EXPECT_EQ(Value(7).as_number(), 7.0);
}

TEST(Value, GivesAPointerOrNullToThoseWhoAsk) {
  Value value = "text";
  ASSERT_NE(value.get_if<std::string>(), nullptr);
  *value.get_if<std::string>() += "s";
  EXPECT_EQ(value, "texts");
  EXPECT_EQ(value.get_if<std::int64_t>(), nullptr);
}

TEST(Value, FindsElementsAndFields) {
  const Value value = Value::object({{"list", Value::array(1, 2, 3)}});
  EXPECT_EQ(value.at("list")[2], 3);
  EXPECT_EQ(value.find("nothing"), nullptr);
  EXPECT_EQ(Value(7).find("nothing"), nullptr);
  EXPECT_EQ(error_of([&] { (void)value.at("nothing"); }), "no field \"nothing\" in the object");
  EXPECT_EQ(error_of([&] { (void)value.at("list")[3]; }), "no element 3 in an array of 3 elements");
  EXPECT_EQ(error_of([&] { (void)value[0]; }), "expected an array, got an object");
}

TEST(Value, GrowsFieldsWhereItIsNullOrAnObject) {
  Value value;
  value["user"]["name"] = "Ann";
  EXPECT_EQ(value, Value::object({{"user", Value::object({{"name", "Ann"}})}}));
  Value number = 7;
  EXPECT_EQ(error_of([&] { number["x"] = 1; }), "expected an object, got an integer");
}

TEST(Value, CountsWhatItHolds) {
  EXPECT_EQ(Value::array(1, 2).size(), 2u);
  EXPECT_EQ(Value::object({{"a", 1}}).size(), 1u);
  EXPECT_EQ(Value("four").size(), 4u);
  EXPECT_EQ(Value(Bytes(5)).size(), 5u);
  EXPECT_EQ(Value(7).size(), 0u);
}

TEST(Value, IsEqualWhenKindAndContentsAre) {
  EXPECT_EQ(Value::array(1, "a", nullptr), Value::array(1, "a", nullptr));
  EXPECT_NE(Value::array(1, "a"), Value::array(1, "a", nullptr));
  EXPECT_NE(Value::array(Value::array(1)), Value::array(Value::array(2)));
  EXPECT_NE(Value(1), Value(1.0));
  EXPECT_NE(Value(0), Value(false));
  EXPECT_NE(Value(std::nan("")), Value(std::nan("")));
  EXPECT_EQ(Value(Bytes(2)), Value(Bytes(2)));
}

TEST(Value, ComparesFieldsInAnyOrder) {
  EXPECT_EQ(Value::object({{"a", 1}, {"b", 2}}), Value::object({{"b", 2}, {"a", 1}}));
  EXPECT_NE(Value::object({{"a", 1}, {"b", 2}}), Value::object({{"a", 1}, {"c", 2}}));
}

TEST(Value, ComparesBuffersByTheirMemory) {
  const SharedBuffer one = SharedBuffer::create(8).value();
  const SharedBuffer other = SharedBuffer::create(8).value();
  EXPECT_EQ(Value(one), Value(one));
  EXPECT_NE(Value(one), Value(other));
}

TEST(Value, HoldsAPortThatIsEqualOnlyToItself) {
  MessageChannel channel;
  const Value one = std::move(channel.port1);
  const Value other = std::move(channel.port2);
  EXPECT_EQ(one, one);
  EXPECT_NE(one, other);
}

}  // namespace
}  // namespace brigade
