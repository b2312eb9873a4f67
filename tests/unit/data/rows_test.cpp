#include <gtest/gtest.h>
#include <brigade/database.hpp>

#include <boost/describe/class.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace brigade::sql {

struct Named {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(Named, (), (name))

struct User : Named {
  std::uint8_t age = 0;
  std::optional<double> score;
};
BOOST_DESCRIBE_STRUCT(User, (Named), (age, score))

namespace {

Rows two_users() {
  return Rows({"age", "name", "score", "unused"},
              {42, "Ann", 1.5, nullptr, 7, "Žofie", nullptr, 1});
}

template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const ReadError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Value, TakesWhatOneWouldExpect) {
  EXPECT_EQ(Value(true), Value(1));
  EXPECT_EQ(Value(std::uint16_t{9}), Value(9));
  EXPECT_EQ(Value(0.5F), Value(0.5));
  EXPECT_EQ(Value("x"), Value(std::string("x")));
  EXPECT_EQ(Value(std::optional<int>()), Value(nullptr));
  EXPECT_EQ(Value(std::optional<std::string>("x")), Value("x"));
  EXPECT_TRUE(Value(static_cast<const char*>(nullptr)).is_null());
}

TEST(Value, RefusesAnUnsignedIntegerThatNoColumnCanHold) {
  EXPECT_EQ(Value(std::uint64_t{INT64_MAX}).get<std::int64_t>(), INT64_MAX);
  EXPECT_THROW(Value(std::uint64_t{INT64_MAX} + 1), std::out_of_range);
}

TEST(Value, ReadsAnIntegerAsANumberWithAFraction) {
  EXPECT_EQ(Value(2).get<double>(), 2.0);
}

TEST(Value, ReadsAnOptionalAsNothingOnlyForNull) {
  EXPECT_EQ(Value(nullptr).get<std::optional<int>>(), std::nullopt);
  EXPECT_EQ(Value(0).get<std::optional<int>>(), 0);
}

TEST(Value, SaysWhatItHoldsInstead) {
  EXPECT_EQ(error_of([] { Value("secret").get<double>(); }), "expected a number, got text");
  EXPECT_EQ(error_of([] { Value(1.5).get<int>(); }),
            "expected an integer from -2147483648 to 2147483647, got 1.5");
  EXPECT_EQ(error_of([] { Value(2).get<bool>(); }), "expected a boolean (0 or 1), got 2");
  EXPECT_EQ(error_of([] { Value(Blob(3)).get<std::optional<std::string>>(); }),
            "expected text or NULL, got a blob");
}

TEST(Row, ReadsByNameAndByIndex) {
  const Rows rows = two_users();
  EXPECT_EQ(rows[1]["name"], "Žofie");
  EXPECT_EQ(rows[1][0], 7);
  EXPECT_EQ(rows[0].get<int>("age"), 42);
  EXPECT_EQ(rows[0].get<std::string>(1), "Ann");
}

TEST(Row, NamesTheColumnAndTheTypesThatDoNotMatch) {
  const Rows rows = two_users();
  EXPECT_EQ(error_of([&] { rows[1].get<double>("score"); }),
            "column \"score\": expected a number, got NULL");
  EXPECT_EQ(error_of([&] { rows[0].get<std::int64_t>(1); }),
            "column \"name\": expected an integer, got text");
}

TEST(Row, NamesAMissingColumnAndThoseThereAre) {
  const Rows rows = two_users();
  EXPECT_EQ(error_of([&] { (void)rows[0]["nmae"]; }),
            "no column \"nmae\": the query has \"age\", \"name\", \"score\", \"unused\"");
  EXPECT_EQ(error_of([&] { (void)rows[0][4]; }), "no column 4: the query has 4");
}

TEST(Rows, RefusesARowThatIsNotThere) {
  const Rows rows({"id"}, {});
  EXPECT_TRUE(rows.empty());
  EXPECT_EQ(error_of([&] { (void)rows[0]; }), "no row 0: the query found 0 row(s)");
}

TEST(Rows, IteratesInOrder) {
  const Rows rows = two_users();
  std::string names;
  for (Row row : rows) names += row.get<std::string>("name") + ";";
  EXPECT_EQ(names, "Ann;Žofie;");
}

TEST(Rows, BecomeDescribedStructsByColumnName) {
  const auto users = two_users().as<User>();
  ASSERT_EQ(users.size(), 2u);
  EXPECT_EQ(users[0].name, "Ann");
  EXPECT_EQ(users[0].age, 42);
  EXPECT_EQ(users[0].score, 1.5);
  EXPECT_EQ(users[1].score, std::nullopt);
}

TEST(Rows, RefuseAStructWithAMemberThatHasNoColumn) {
  const Rows rows({"age", "name"}, {});
  EXPECT_EQ(error_of([&] { rows.as<User>(); }),
            "no column \"score\": the query has \"age\", \"name\"");
}

TEST(Rows, RefuseAStructWithAMemberOfAnotherType) {
  const Rows rows({"age", "name", "score"}, {300, "Ann", nullptr});
  EXPECT_EQ(error_of([&] { rows.as<User>(); }),
            "column \"age\": expected an integer from 0 to 255, got 300");
}

TEST(Rows, OfOneColumnBecomePlainValues) {
  EXPECT_EQ(Rows({"n"}, {1, 2}).as<int>(), (std::vector<int>{1, 2}));
  EXPECT_EQ(error_of([] { two_users().as<int>(); }), "expected rows of one column, got 4 columns");
}

TEST(Rows, BecomeJson) {
  const Rows rows({"id", "name", "score", "gone"}, {1, "A\"b", 0.5, nullptr});
  EXPECT_EQ(boost::json::serialize(to_json(rows)),
            R"([{"id":1,"name":"A\"b","score":5E-1,"gone":null}])");
  EXPECT_EQ(boost::json::serialize(to_json(Rows({"id"}, {}))), "[]");
}

TEST(Rows, BecomeJsonWithBlobsInBase64) {
  // RFC 4648 section 10.
  const auto json_of = [](std::string_view text) {
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    return boost::json::serialize(to_json(Rows({"b"}, {Blob(bytes, bytes + text.size())})));
  };
  EXPECT_EQ(json_of(""), R"([{"b":""}])");
  EXPECT_EQ(json_of("f"), R"([{"b":"Zg=="}])");
  EXPECT_EQ(json_of("fo"), R"([{"b":"Zm8="}])");
  EXPECT_EQ(json_of("foo"), R"([{"b":"Zm9v"}])");
  EXPECT_EQ(json_of("foobar"), R"([{"b":"Zm9vYmFy"}])");
  EXPECT_EQ(json_of("\xff\xfe\xfd"), R"([{"b":"//79"}])");
}

}  // namespace
}  // namespace brigade::sql
