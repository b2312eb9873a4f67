#include <brigade/value.hpp>

#include <gtest/gtest.h>

#include <random>

namespace brigade {
namespace {

std::string name_of(std::size_t number) {
  return "field " + std::to_string(number);
}

Value::Object numbered(std::size_t count) {
  Value::Object object;
  for (std::size_t i = 0; i < count; ++i) object[name_of(i)] = i;
  return object;
}

std::vector<std::string> names(const Value::Object& object) {
  std::vector<std::string> out;
  for (const Field& field : object) out.push_back(field.name());
  return out;
}

TEST(ValueObject, KeepsItsFieldsInTheOrderInWhichTheyCame) {
  Value::Object object;
  for (const char* name : {"z", "a", "m"}) object[name] = 1;
  object["z"] = 2;
  EXPECT_EQ(names(object), (std::vector<std::string>{"z", "a", "m"}));
}

TEST(ValueObject, TakesTheLastOfEqualNamesFromAList) {
  Value value = Value::object({{"a", 1}, {"b", 2}, {"a", 3}});
  EXPECT_EQ(value.size(), 2u);
  EXPECT_EQ(value.at("a"), 3);
}

TEST(ValueObject, RefusesToInsertANameTwice) {
  Value::Object object;
  EXPECT_TRUE(object.insert("a", 1));
  EXPECT_FALSE(object.insert("a", 2));
  EXPECT_EQ(*object.find("a"), 1);
}

TEST(ValueObject, MovesValuesOutOfAList) {
  std::string text(100, 'x');
  const char* const data = text.data();
  Value value = Value::object({{"text", std::move(text)}});
  EXPECT_EQ(value.at("text").as_string().data(), data);
}

// The sizes around the one where the index begins, and those where it grows.
TEST(ValueObject, FindsEveryFieldAtAnySize) {
  for (const std::size_t count : {0u, 1u, 15u, 16u, 17u, 32u, 33u, 64u, 65u, 1000u}) {
    const Value::Object object = numbered(count);
    for (std::size_t i = 0; i < count; ++i) {
      const Value* const found = object.find(name_of(i));
      ASSERT_NE(found, nullptr) << i << " of " << count;
      EXPECT_EQ(*found, i);
    }
    EXPECT_FALSE(object.contains(name_of(count)));
    EXPECT_FALSE(object.contains(""));
  }
}

TEST(ValueObject, HoldsAHundredThousandFields) {
  const Value::Object object = numbered(100'000);
  EXPECT_EQ(object.size(), 100'000u);
  EXPECT_EQ(*object.find(name_of(99'999)), 99'999);
}

TEST(ValueObject, ForgetsErasedFieldsAndKeepsTheOrderOfTheRest) {
  for (const std::size_t count : {3u, 16u, 40u}) {
    Value::Object object = numbered(count);
    EXPECT_TRUE(object.erase(name_of(1)));
    EXPECT_FALSE(object.erase(name_of(1)));
    EXPECT_EQ(object.size(), count - 1);
    EXPECT_EQ(object.field(1).name(), name_of(2));
    EXPECT_EQ(*object.find(name_of(count - 1)), count - 1);
  }
}

TEST(ValueObject, AgreesWithAPlainListUnderRandomChanges) {
  std::mt19937 random(7);
  Value::Object object;
  std::vector<std::string> expected;
  for (int step = 0; step < 3000; ++step) {
    const std::string name = name_of(random() % 40);
    const auto known = std::find(expected.begin(), expected.end(), name);
    EXPECT_EQ(object.contains(name), known != expected.end());
    if (random() % 2 == 0) {
      object[name] = step;
      if (known == expected.end()) expected.push_back(name);
    } else {
      EXPECT_EQ(object.erase(name), known != expected.end());
      if (known != expected.end()) expected.erase(known);
    }
  }
  EXPECT_EQ(names(object), expected);
}

TEST(ValueObject, IsEmptyAndUsableOnceClearedOrMovedFrom) {
  Value::Object object = numbered(20);
  const Value::Object other = std::move(object);
  EXPECT_EQ(other.size(), 20u);
  object.clear();
  object["again"] = 1;
  EXPECT_EQ(names(object), std::vector<std::string>{"again"});
}

TEST(ValueObject, IsEqualWhateverTheOrder) {
  Value::Object one = numbered(20);
  Value::Object other = numbered(20);
  other.erase(name_of(3));
  EXPECT_NE(one, other);
  other[name_of(3)] = 3;
  EXPECT_EQ(one, other);
}

}  // namespace
}  // namespace brigade
