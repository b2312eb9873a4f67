// What a value that is too deep, too large or cannot be copied does.
#include <brigade/message_port.hpp>
#include <brigade/shared_buffer.hpp>
#include <brigade/value.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

namespace brigade {
namespace {

// Arrays and objects in turn.
Value nested(std::size_t depth) {
  Value value = "core";
  for (std::size_t i = 0; i < depth; ++i) {
    value = i % 2 == 0 ? Value::array(std::move(value)) : Value::object({{"in", std::move(value)}});
  }
  return value;
}

constexpr std::size_t abyss = 100'000;
constexpr ValueLimits no_limits{
    .max_depth = SIZE_MAX, .max_bytes = SIZE_MAX, .max_items = SIZE_MAX};

TEST(DeepValue, IsDestroyedWithoutUsingTheStack) {
  nested(abyss);
}

TEST(DeepValue, IsDestroyedWithAllThatIsBesideIt) {
  Fd descriptor(::dup(0));
  const int number = descriptor.get();
  Value value = std::move(descriptor);
  for (int i = 0; i < 1000; ++i) value = Value::array("before", std::move(value), Value::array(i));
  value = nullptr;
  EXPECT_EQ(::close(number), -1);
}

TEST(DeepValue, IsComparedWithoutUsingTheStack) {
  EXPECT_EQ(nested(abyss), nested(abyss));
  EXPECT_NE(nested(abyss), nested(abyss - 2));
}

TEST(DeepValue, IsClonedWithoutUsingTheStack) {
  const Value value = nested(abyss);
  const Result<Value> copy = value.clone(no_limits);
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(value, const_cast<Result<Value>&>(copy).value());
}

TEST(DeepValue, IsMeasuredAndSearchedWithoutUsingTheStack) {
  Value value = nested(abyss);
  EXPECT_GT(approximate_size(value), abyss * sizeof(Value));
  for_each_transferable(value, [](auto&) { FAIL(); });
}

TEST(DeepValue, IsCutShortInALog) {
  EXPECT_LT(nested(abyss).to_string(10'000'000).size(), 1000u);
}

TEST(ValueClone, IsAnotherValueWithTheSameContents) {
  Value value = Value::object({{"list", Value::array(1, 2.5, true, nullptr, Value::array())},
                               {"text", "x"},
                               {"bytes", Bytes(3)},
                               {"none", Value::object()}});
  Value copy = value.clone().value();
  EXPECT_EQ(copy, value);
  copy["text"] = "y";
  EXPECT_EQ(value.at("text"), "x");
}

TEST(ValueClone, KeepsTheOrderOfManyFields) {
  Value value;
  for (int i = 0; i < 100; ++i) value[std::to_string(i)] = Value::array(i);
  Value copy = value.clone().value();
  EXPECT_EQ(copy, value);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(copy.as_object().field(i).name(), std::to_string(i));
  }
}

TEST(ValueClone, SharesSharedBuffers) {
  const Value value = SharedBuffer::create(8).value();
  EXPECT_EQ(value.clone().value(), value);
}

TEST(ValueClone, NamesThePlaceOfWhatCannotBeCopied) {
  Value job = Value::object({{"port", MessagePort()}});
  Value value = Value::object({{"jobs", Value::array(1, 2, std::move(job))}});
  EXPECT_EQ(value.clone().error().message(),
            ".jobs[2].port: a port cannot be copied, move the message");
  EXPECT_EQ(Value(Fd()).clone().error().message(),
            "a descriptor cannot be copied, move the message");
}

TEST(ValueClone, QuotesAndCutsNamesThatAreNoIdentifiers) {
  const Value odd = Value::object({{"two \"words\"\n", Fd()}});
  EXPECT_EQ(odd.clone().error().message(),
            "[\"two \\\"words\\\"\\n\"]: a descriptor cannot be copied, move the message");
  const Value endless = Value::object({{std::string(1'000'000, 'x'), Fd()}});
  EXPECT_LT(endless.clone().error().message().size(), 200u);
}

TEST(ValueLimits, LetADepthOfSixtyFourPassAndNoMore) {
  EXPECT_TRUE(check(nested(64)).ok());
  const Result<void> refused = check(nested(65));
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().message().ends_with(": nested deeper than 64 levels"));
  EXPECT_FALSE(nested(65).clone().ok());
}

TEST(ValueLimits, CountValues) {
  const Value value = Value::array(1, 2, 3);
  EXPECT_TRUE(check(value, {.max_items = 4}).ok());
  EXPECT_EQ(check(value, {.max_items = 3}).error().message(),
            "[2]: the message has more than 3 values");
}

TEST(ValueLimits, CountBytesOfTextsAndNames) {
  const Value value = Value::object({{"name", "text"}, {"bytes", Bytes(10)}});
  EXPECT_EQ(approximate_size(value), 3 * sizeof(Value) + 4 + 4 + 5 + 10);
  EXPECT_TRUE(check(value, {.max_bytes = 71}).ok());
  EXPECT_EQ(check(value, {.max_bytes = 70}).error().message(),
            ".bytes: the message is larger than 70 bytes");
}

TEST(Transferables, AreVisitedInOrder) {
  Fd first(::dup(0));
  Fd last(::dup(0));
  const std::vector<int> expected = {first.get(), -2, last.get()};
  Value value = Value::object({{"a", Value::array("x", std::move(first))},
                               {"b", MessagePort()},
                               {"c", Value::object({{"d", std::move(last)}})}});
  std::vector<int> seen;
  struct Visitor {
    std::vector<int>& seen;
    void operator()(MessagePort&) { seen.push_back(-2); }
    void operator()(Fd& descriptor) { seen.push_back(descriptor.get()); }
  };
  for_each_transferable(value, Visitor{seen});
  EXPECT_EQ(seen, expected);
}

TEST(Transferables, MayBeEmptiedByTheVisitor) {
  Value value = Value::array(Fd(::dup(0)));
  struct Visitor {
    void operator()(MessagePort&) {}
    void operator()(Fd& descriptor) { descriptor.reset(); }
  };
  for_each_transferable(value, Visitor{});
  EXPECT_FALSE(value[0].as_descriptor());
}

}  // namespace
}  // namespace brigade
