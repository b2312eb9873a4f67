#include <brigade/message_port.hpp>
#include <brigade/shared_array.hpp>
#include <brigade/value_convert.hpp>

#include <gtest/gtest.h>
#include <cmath>
#include <unistd.h>

#include <deque>
#include <limits>
#include <list>
#include <map>
#include <set>
#include <unordered_map>

namespace brigade {
namespace {

enum class Color { red, green };
BOOST_DESCRIBE_ENUM(Color, red, green)
enum class Plain : std::uint8_t { one = 1 };

struct Base {
  int id = 0;
};
BOOST_DESCRIBE_STRUCT(Base, (), (id))

struct User : Base {
  std::string name;
  std::optional<int> age;
  std::vector<Color> colors;
  friend bool operator==(const User& a, const User& b) {
    return a.id == b.id && a.name == b.name && a.age == b.age && a.colors == b.colors;
  }
};
BOOST_DESCRIBE_STRUCT(User, (Base), (name, age, colors))

class Hidden {
 public:
  Hidden() = default;
  explicit Hidden(int number) : number_(number) {}
  int number() const { return number_; }

 private:
  int number_ = 0;
  BOOST_DESCRIBE_CLASS(Hidden, (), (), (), (number_))
};

struct Parcel {
  std::string text;
  Bytes bytes;
  MessagePort port;
  Fd descriptor;
};
BOOST_DESCRIBE_STRUCT(Parcel, (), (text, bytes, port, descriptor))

struct Node {
  int id = 0;
  std::unique_ptr<Node> next;
};
BOOST_DESCRIBE_STRUCT(Node, (), (id, next))

// The value comes back from its message as it went in.
template <class T>
void expect_round_trip(const T& value, const Value& message) {
  Value made = make_value(value);
  EXPECT_EQ(made, message) << made.to_string();
  EXPECT_EQ(value_as<T>(std::move(made)), value);
}

TEST(ValueConvert, KeepsScalars) {
  expect_round_trip(true, true);
  expect_round_trip(-7, -7);
  expect_round_trip(std::numeric_limits<std::int64_t>::min(),
                    std::numeric_limits<std::int64_t>::min());
  expect_round_trip(std::uint64_t{7}, 7);
  expect_round_trip(2.5, 2.5);
  expect_round_trip(2.5f, 2.5);
  expect_round_trip(std::string("text"), "text");
  expect_round_trip(std::numeric_limits<float>::infinity(), INFINITY);
}

TEST(ValueConvert, WritesTextsOfEveryType) {
  const std::string_view view = "text";
  EXPECT_EQ(make_value(view), "text");
  EXPECT_EQ(make_value("text"), "text");
  EXPECT_EQ(make_value(static_cast<const char*>("text")), "text");
  EXPECT_TRUE(make_value(static_cast<const char*>(nullptr)).is_null());
}

TEST(ValueConvert, KeepsContainers) {
  expect_round_trip(std::vector<int>{1, 2}, Value::array(1, 2));
  expect_round_trip(std::vector<bool>{true, false}, Value::array(true, false));
  expect_round_trip(std::deque<int>{1, 2}, Value::array(1, 2));
  expect_round_trip(std::array<int, 2>{1, 2}, Value::array(1, 2));
  expect_round_trip(std::set<int>{2, 1}, Value::array(1, 2));
  expect_round_trip(std::pair<int, std::string>{1, "a"}, Value::array(1, "a"));
  expect_round_trip(std::tuple<int, bool, std::string>{1, true, "a"}, Value::array(1, true, "a"));
  expect_round_trip(std::tuple<>{}, Value::array());
  expect_round_trip(std::list<std::vector<int>>{{1}, {}},
                    Value::array(Value::array(1), Value::array()));
}

TEST(ValueConvert, KeepsMaps) {
  expect_round_trip(std::map<std::string, int>{{"a", 1}}, Value::object({{"a", 1}}));
  expect_round_trip(std::unordered_map<std::string, int>{{"a", 1}}, Value::object({{"a", 1}}));
  expect_round_trip(std::map<int, std::string>{{1, "a"}}, Value::array(Value::array(1, "a")));
}

TEST(ValueConvert, KeepsBytes) {
  expect_round_trip(Bytes{std::byte{7}}, Bytes{std::byte{7}});
  expect_round_trip(std::vector<unsigned char>{7}, Bytes{std::byte{7}});
  expect_round_trip(std::array<std::byte, 1>{std::byte{7}}, Bytes{std::byte{7}});
  const Bytes bytes{std::byte{7}};
  EXPECT_EQ(make_value(std::span<const std::byte>(bytes)).as_bytes(), bytes);
}

TEST(ValueConvert, KeepsWhatMayBeMissing) {
  expect_round_trip(std::optional<int>(7), 7);
  expect_round_trip(std::optional<int>(), nullptr);
  expect_round_trip(std::unique_ptr<int>(), nullptr);
  EXPECT_EQ(*value_as<std::unique_ptr<int>>(make_value(std::make_unique<int>(7))), 7);
  EXPECT_EQ(*value_as<std::shared_ptr<int>>(make_value(std::make_shared<const int>(7))), 7);
}

TEST(ValueConvert, KeepsWhichAlternativeAVariantHolds) {
  using Either = std::variant<std::monostate, int, std::string, int>;
  expect_round_trip(Either(), Value::array(0, nullptr));
  expect_round_trip(Either("a"), Value::array(2, "a"));
  expect_round_trip(Either(std::in_place_index<3>, 7), Value::array(3, 7));
}

TEST(ValueConvert, KeepsEnumsByNameOrByNumber) {
  expect_round_trip(Color::green, "green");
  expect_round_trip(Plain::one, 1);
  expect_round_trip(static_cast<Color>(5), 5);  // no enumerator of that value
  EXPECT_EQ(value_as<Color>(Value(1)), Color::green);
}

TEST(ValueConvert, KeepsTimesAsNanoseconds) {
  using namespace std::chrono_literals;
  expect_round_trip(std::chrono::seconds(2), 2'000'000'000);
  expect_round_trip(std::chrono::nanoseconds(-1), -1);
  expect_round_trip(std::chrono::hours(-24), -86'400'000'000'000);
  expect_round_trip(std::chrono::duration<double>(0.5), 500'000'000);
  expect_round_trip(std::chrono::duration<int, std::ratio<1, 30>>(30), 1'000'000'000);
  expect_round_trip(std::chrono::system_clock::time_point(5ms), 5'000'000);
  EXPECT_EQ(value_as<std::chrono::seconds>(Value(-1'500'000'000)), -1s);  // towards zero
}

TEST(ValueConvert, KeepsDescribedStructsWithTheirBases) {
  User user;
  user.id = 7;
  user.name = "Ann";
  user.colors = {Color::green};
  expect_round_trip(
      user, Value::object(
                {{"id", 7}, {"name", "Ann"}, {"age", nullptr}, {"colors", Value::array("green")}}));
  EXPECT_EQ(value_as<Hidden>(make_value(Hidden(7))).number(), 7);
}

TEST(ValueConvert, FollowsPointers) {
  Node node{.id = 1, .next = std::make_unique<Node>(Node{.id = 2, .next = nullptr})};
  Value message = make_value(std::move(node));
  EXPECT_EQ(message.to_string(), R"({"id":1,"next":{"id":2,"next":null}})");
  EXPECT_EQ(value_as<Node>(std::move(message)).next->id, 2);
}

TEST(ValueConvert, MovesTheMemoryOfTextsAndBytesInAndOut) {
  Parcel parcel{.text = std::string(100, 'x'), .bytes = Bytes(100), .port = {}, .descriptor = {}};
  const char* const text = parcel.text.data();
  const std::byte* const bytes = parcel.bytes.data();
  std::vector<Parcel> parcels;
  parcels.push_back(std::move(parcel));
  Value message = make_value(std::move(parcels));
  EXPECT_EQ(message[0].at("text").as_string().data(), text);
  const auto back = value_as<std::vector<Parcel>>(std::move(message));
  EXPECT_EQ(back[0].text.data(), text);
  EXPECT_EQ(back[0].bytes.data(), bytes);
}

TEST(ValueConvert, MovesOutOfMapsOptionalsTuplesVariantsAndUniquePointers) {
  const auto keeps_memory = [](auto&& holder, std::string& text) {
    const char* const data = text.data();
    const Value message = make_value(std::move(holder));
    const std::string* found = message.get_if<std::string>();
    if (message.is_object()) found = &message.as_object().field(0).value.as_string();
    if (message.is_array()) found = &message.as_array().back().as_string();
    return found && found->data() == data;
  };
  const std::string text(100, 'x');
  std::map<std::string, std::string> map{{"a", text}};
  EXPECT_TRUE(keeps_memory(map, map["a"]));
  std::optional<std::string> optional(text);
  EXPECT_TRUE(keeps_memory(optional, *optional));
  std::tuple<int, std::string> tuple(1, text);
  EXPECT_TRUE(keeps_memory(tuple, std::get<1>(tuple)));
  std::variant<int, std::string> variant(text);
  EXPECT_TRUE(keeps_memory(variant, std::get<1>(variant)));
  auto unique = std::make_unique<std::string>(text);
  EXPECT_TRUE(keeps_memory(unique, *unique));
}

TEST(ValueConvert, LeavesLvaluesAndSharedObjectsAsTheyWere) {
  const std::string text(100, 'x');
  std::vector<std::string> list{text};
  EXPECT_EQ(make_value(list)[0], text);
  EXPECT_EQ(list[0], text);
  const auto shared = std::make_shared<std::string>(text);
  EXPECT_EQ(make_value(std::shared_ptr<std::string>(shared)), text);
  EXPECT_EQ(*shared, text);
  EXPECT_EQ(make_value(std::span<std::string>(list))[0], text);  // a view owns nothing
  EXPECT_EQ(list[0], text);
  EXPECT_EQ(make_value(std::tie(list))[0][0], text);
  EXPECT_EQ(list[0], text);
}

TEST(ValueConvert, MovesPortsAndDescriptors) {
  MessageChannel channel;
  Parcel parcel{
      .text = {}, .bytes = {}, .port = std::move(channel.port1), .descriptor = Fd(::dup(0))};
  const int number = parcel.descriptor.get();
  Value message = make_value(std::move(parcel));
  EXPECT_FALSE(parcel.port);
  EXPECT_FALSE(parcel.descriptor);
  const Parcel back = value_as<Parcel>(std::move(message));
  EXPECT_TRUE(back.port);
  EXPECT_EQ(back.descriptor.get(), number);
}

TEST(ValueConvert, SharesSharedMemory) {
  const SharedBuffer buffer = SharedBuffer::create(64, {.max_size = 4096}).value();
  EXPECT_EQ(value_as<SharedBuffer>(make_value(buffer)), buffer);

  const auto array = SharedArray<std::int32_t>::over(buffer, 8, 4).value();
  const auto same = value_as<SharedArray<std::int32_t>>(make_value(array));
  EXPECT_EQ(same.data(), array.data());
  EXPECT_EQ(same.size(), 4u);

  const auto tracking = SharedArray<std::int32_t>::over(buffer).value();
  const auto tracks = value_as<SharedArray<std::int32_t>>(make_value(tracking));
  SharedBuffer(buffer).grow(128).value();
  EXPECT_EQ(tracks.size(), 32u);

  EXPECT_EQ(value_as<SharedArray<int>>(make_value(SharedArray<int>())).size(), 0u);
}

TEST(ValueConvert, LetsValuesThrough) {
  Value message = make_value(std::vector<Value>{});
  EXPECT_EQ(message, Value::array());
  const Value inner = Value::array(1);
  EXPECT_EQ(make_value(inner), inner);
  EXPECT_EQ(value_as<Value>(Value(7)), 7);
  EXPECT_EQ(value_as<Value::Object>(Value::object({{"a", 1}})).size(), 1u);
}

}  // namespace
}  // namespace brigade
