// Statements, one after another, on a database in memory.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <brigade/database.hpp>
#include <brigade/loop.hpp>

#include <boost/describe/class.hpp>

#include <limits>
#include <optional>
#include <string>

namespace brigade {

struct Person {
  std::int64_t id = 0;
  std::string name;
  std::optional<std::string> email;
};
BOOST_DESCRIBE_STRUCT(Person, (), (id, name, email))

namespace {

using Kind = DatabaseError::Kind;

class Statement : public ::testing::Test {
 protected:
  template <class... Args>
  sql::Rows query(std::string text, Args... args) {
    return loop_.run(db_.query(std::move(text), std::move(args)...));
  }
  template <class... Args>
  sql::Value cell(std::string text, Args... args) {
    const sql::Rows rows = query(std::move(text), std::move(args)...);
    return rows[0][0];
  }
  template <class... Args>
  sql::Executed execute(std::string text, Args... args) {
    return loop_.run(db_.execute(std::move(text), std::move(args)...));
  }
  std::optional<DatabaseError> error_of(std::string text, std::vector<sql::Value> args = {}) {
    try {
      loop_.run(db_.execute(std::move(text), std::move(args)));
    } catch (const DatabaseError& error) {
      return error;
    }
    return std::nullopt;
  }
  Kind kind_of(std::string text) {
    const auto error = error_of(std::move(text));
    EXPECT_TRUE(error.has_value());
    return error ? error->kind() : Kind::other;
  }
  void script(const std::string& text) { db_.run_script(text).value(); }

  Loop loop_;
  Database db_ = Database::open("sqlite::memory:").value();
};

TEST_F(Statement, BringsBackEveryTypeAsItWasBound) {
  const sql::Blob bytes{std::byte{0}, std::byte{255}};
  const auto rows =
      query("SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f",
            std::numeric_limits<std::int64_t>::min(), 0.1, "Žluťoučký 🐎", bytes, nullptr, true);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].get<std::int64_t>("a"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(rows[0].get<double>("b"), 0.1);
  EXPECT_EQ(rows[0].get<std::string>("c"), "Žluťoučký 🐎");
  EXPECT_EQ(rows[0].get<sql::Blob>("d"), bytes);
  EXPECT_TRUE(rows[0]["e"].is_null());
  EXPECT_TRUE(rows[0].get<bool>("f"));
}

TEST_F(Statement, KeepsEmptyTextAndEmptyBlobsApartFromNull) {
  const auto rows = query("SELECT ?, ?, ?", "", sql::Blob(), std::optional<int>());
  EXPECT_EQ(rows[0][0], "");
  EXPECT_EQ(rows[0][1], sql::Blob());
  EXPECT_TRUE(rows[0][2].is_null());
}

TEST_F(Statement, KeepsAZeroByteInsideText) {
  const std::string text("a\0b", 3);
  EXPECT_EQ(cell("SELECT ?", text), text);
}

TEST_F(Statement, NeverReadsAnArgumentAsSql) {
  script("CREATE TABLE users (name TEXT)");
  execute("INSERT INTO users VALUES (?)", "'); DROP TABLE users; --");
  EXPECT_EQ(query("SELECT * FROM users").size(), 1u);
}

TEST_F(Statement, MapsRowsToDescribedStructs) {
  script("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, email TEXT)");
  execute("INSERT INTO people (name, email) VALUES (?, ?), (?, ?)", "Ann", "a@x", "Bob", nullptr);
  const auto people = loop_.run(db_.query_as<Person>("SELECT * FROM people ORDER BY id"));
  ASSERT_EQ(people.size(), 2u);
  EXPECT_EQ(people[0].email, "a@x");
  EXPECT_EQ(people[1].id, 2);
  EXPECT_EQ(people[1].name, "Bob");
  EXPECT_EQ(people[1].email, std::nullopt);
}

TEST_F(Statement, CountsWhatItChanged) {
  script("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT)");
  const auto inserted = execute("INSERT INTO t (id, n) VALUES (7, 1), (8, 1)");
  EXPECT_EQ(inserted.changes, 2);
  EXPECT_EQ(inserted.last_insert_id, 8);
  EXPECT_EQ(execute("UPDATE t SET n = 2").changes, 2);
  EXPECT_EQ(execute("UPDATE t SET n = 3 WHERE id = 99").changes, 0);
  EXPECT_EQ(execute("CREATE TABLE u (n)").changes, 0);
}

TEST_F(Statement, ReturnsRowsFromAnInsert) {
  script("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT)");
  EXPECT_EQ(cell("INSERT INTO t (n) VALUES (5) RETURNING id"), 1);
}

TEST_F(Statement, TellsTheKindsOfErrorsApart) {
  script(
      "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, age INT CHECK (age > 0));"
      "CREATE TABLE b (a INT REFERENCES a(id));"
      "INSERT INTO a VALUES (1, 'Ann', 5);");
  EXPECT_EQ(kind_of("INSERT INTO a VALUES (2, 'Ann', 5)"), Kind::unique_violation);
  EXPECT_EQ(kind_of("INSERT INTO a VALUES (1, 'Bob', 5)"), Kind::unique_violation);
  EXPECT_EQ(kind_of("INSERT INTO a VALUES (2, NULL, 5)"), Kind::not_null);
  EXPECT_EQ(kind_of("INSERT INTO a VALUES (2, 'Bob', 0)"), Kind::check);
  EXPECT_EQ(kind_of("INSERT INTO b VALUES (99)"), Kind::foreign_key);
  EXPECT_EQ(kind_of("SELEKT 1"), Kind::syntax);
  EXPECT_EQ(kind_of("SELECT * FROM nowhere"), Kind::syntax);
  EXPECT_EQ(kind_of("SELECT json('{')"), Kind::other);
}

TEST_F(Statement, QuotesTheSqlButNotTheArguments) {
  script("CREATE TABLE t (n UNIQUE); INSERT INTO t VALUES ('secret')");
  const auto error = error_of("INSERT INTO t VALUES (?)", {"secret"});
  ASSERT_TRUE(error.has_value());
  EXPECT_STREQ(error->what(), "UNIQUE constraint failed: t.n, in: INSERT INTO t VALUES (?)");
  EXPECT_EQ(error->code(), 2067);  // SQLITE_CONSTRAINT_UNIQUE
  EXPECT_STREQ(to_string(error->kind()), "unique_violation");
}

TEST_F(Statement, QuotesLongSqlCutBetweenCharacters) {
  const auto error = error_of("SELEKT " + std::string(192, 'x') + "ž" + std::string(100, 'y'));
  ASSERT_TRUE(error.has_value());
  const std::string message = error->what();
  EXPECT_TRUE(message.ends_with("xxx…")) << message;
}

TEST_F(Statement, RefusesTheWrongNumberOfArguments) {
  const auto error = error_of("SELECT ?, ?", {1});
  ASSERT_TRUE(error.has_value());
  EXPECT_STREQ(error->what(), "the statement takes 2 argument(s), got 1, in: SELECT ?, ?");
}

TEST_F(Statement, RefusesASecondStatementAndNone) {
  script("CREATE TABLE t (n)");
  EXPECT_EQ(kind_of("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"), Kind::syntax);
  EXPECT_EQ(kind_of("INSERT INTO t VALUES (1); DELETE FROM nowhere"), Kind::syntax);
  EXPECT_EQ(kind_of("-- nothing"), Kind::syntax);
  EXPECT_EQ(query("SELECT * FROM t; -- a comment").size(), 0u);
}

TEST_F(Statement, CannotLeaveATransactionOpen) {
  EXPECT_EQ(kind_of("BEGIN"), Kind::other);
  EXPECT_EQ(kind_of("SAVEPOINT s"), Kind::other);
  EXPECT_EQ(loop_.run(db_.transaction([](sql::Connection&) { return 1; })), 1);
}

TEST_F(Statement, SeesAColumnThatWasAddedSinceItWasPrepared) {
  script("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  EXPECT_EQ(query("SELECT * FROM t").columns().size(), 1u);
  execute("ALTER TABLE t ADD COLUMN b DEFAULT 2");
  const auto rows = query("SELECT * FROM t");
  EXPECT_EQ(rows.columns(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(rows[0]["b"], 2);
}

TEST_F(Statement, FailsPlainlyWhenItsTableIsGoneSinceItWasPrepared) {
  script("CREATE TABLE t (a)");
  query("SELECT a FROM t");
  execute("DROP TABLE t");
  EXPECT_THROW(query("SELECT a FROM t"), DatabaseError);
  script("CREATE TABLE t (a)");
  EXPECT_EQ(query("SELECT a FROM t").size(), 0u);
}

TEST_F(Statement, OutlivesItsPlaceInTheCache) {
  for (int round = 0; round < 2; ++round) {
    for (int n = 0; n < 100; ++n) ASSERT_EQ(cell(fmt::format("SELECT {} + ?", n), 1), n + 1);
  }
}

TEST_F(Statement, RunsAgainAfterItFailed) {
  script("CREATE TABLE t (n UNIQUE)");
  execute("INSERT INTO t VALUES (?)", 1);
  EXPECT_THROW(execute("INSERT INTO t VALUES (?)", 1), DatabaseError);
  EXPECT_EQ(execute("INSERT INTO t VALUES (?)", 2).changes, 1);
}

}  // namespace
}  // namespace brigade
