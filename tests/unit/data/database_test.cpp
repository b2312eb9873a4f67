// What a task sees of a database: threads, queue, cancellation, transactions.
#include <gtest/gtest.h>
#include <brigade/database.hpp>
#include <brigade/loop.hpp>
#include <brigade/sleep.hpp>
#include <brigade/task_group.hpp>
#include <brigade/thread_pool.hpp>
#include <brigade/when.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace brigade {
namespace {

using namespace std::chrono_literals;
using Kind = DatabaseError::Kind;

// Counts to ?, which keeps a database thread busy about 0.1 s for a million.
constexpr const char* slow =
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?)"
    " SELECT count(*) FROM c";

Database in_memory(DatabaseOptions options = {}) {
  return Database::open("sqlite::memory:", options).value();
}

Task<> run_slow(Database db, int rows) {
  auto counted = co_await db.query_as<int>(slow, rows);
  EXPECT_EQ(counted.at(0), rows);
}

Task<> insert(Database db, int n) {
  auto done = co_await db.execute("INSERT INTO t VALUES (?)", n);
  EXPECT_EQ(done.changes, 1);
}

TEST(Database, RunsStatementsOffTheLoopsThread) {
  Loop loop;
  Database db = in_memory();
  const auto id = [](sql::Connection&) { return std::this_thread::get_id(); };
  EXPECT_NE(loop.run(db.transaction(id)), std::this_thread::get_id());
}

TEST(Database, LetsTheLoopTurnWhileAQueryRuns) {
  Loop loop;
  int ticks = 0;
  loop.run([](Database db, int* count) -> Task<> {
    const auto tick = [](int* counter) -> Task<> {
      while (true) {
        co_await sleep(1ms);
        ++*counter;
      }
    };
    co_await when_any(run_slow(db, 1'000'000), call(tick, count));
  }(in_memory(), &ticks));
  EXPECT_GE(ticks, 3);
}

TEST(Database, RefusesAStatementWhenTheQueueIsFull) {
  Loop loop;
  loop.run([](Database db) -> Task<> {
    TaskGroup group;
    group.spawn(run_slow(db, 100'000));
    bool refused = false;
    try {
      auto rows = co_await db.query("SELECT 1");
    } catch (const Overloaded&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    co_await group.join();
    auto rows = co_await db.query("SELECT 1");
    EXPECT_EQ(rows.size(), 1u);
  }(in_memory({.max_queue = 0})));
}

TEST(Database, NeverRunsAQueuedStatementWhoseTaskWasCancelled) {
  Loop loop;
  Database db = in_memory();
  db.run_script("CREATE TABLE t (n)").value();
  loop.run([](Database one_thread) -> Task<> {
    TaskGroup busy;
    TaskGroup queued;
    busy.spawn(run_slow(one_thread, 100'000));
    queued.spawn(insert(one_thread, 1));
    queued.cancel();
    co_await queued.join();
    co_await busy.join();
    auto count = co_await one_thread.query_as<int>("SELECT count(*) FROM t");
    EXPECT_EQ(count.at(0), 0);
  }(db));
}

TEST(Database, LetsATaskBeDestroyedWhileItsStatementRuns) {
  Loop loop;
  loop.run([](Database db) -> Task<> {
    {
      struct Owner final : detail::TaskOwner {
        void on_task_done() override {}
      } owner;
      detail::TaskScope scope("abandoned", nullptr);
      Task<sql::Rows> task = db.query(slow, 100'000);
      EXPECT_FALSE(task.start(&owner, &scope));
    }
    auto rows = co_await db.query("SELECT 1");
    EXPECT_EQ(rows.size(), 1u);
  }(in_memory()));
}

TEST(Database, OutlivesItsHandleWhileATaskUsesIt) {
  Loop loop;
  Task<std::vector<int>> task = in_memory().query_as<int>("SELECT 7");
  EXPECT_EQ(loop.run(std::move(task)).at(0), 7);
}

TEST(Transaction, CommitsAndReturnsItsResult) {
  Loop loop;
  Database db = in_memory();
  db.run_script("CREATE TABLE t (id INTEGER PRIMARY KEY, name)").value();
  const auto id =
      loop.run(db.transaction([name = std::make_unique<std::string>("Ann")](sql::Connection& c) {
        const auto added = c.execute("INSERT INTO t (name) VALUES (?)", *name);
        c.execute("UPDATE t SET name = name || '!' WHERE id = ?", added.last_insert_id);
        return added.last_insert_id;
      }));
  EXPECT_EQ(loop.run(db.query_as<std::string>("SELECT name FROM t WHERE id = ?", id)).at(0),
            "Ann!");
}

TEST(Transaction, IsUndoneWhenItsBodyThrows) {
  Loop loop;
  Database db = in_memory();
  db.run_script("CREATE TABLE t (n)").value();
  const auto body = [](sql::Connection& c) {
    c.execute("INSERT INTO t VALUES (1)");
    throw std::runtime_error("no");
  };
  EXPECT_THROW(loop.run(db.transaction(body)), std::runtime_error);
  EXPECT_EQ(loop.run(db.query_as<int>("SELECT count(*) FROM t")).at(0), 0);
}

TEST(Transaction, IsUndoneWhenItCannotBeCommitted) {
  Loop loop;
  Database db = in_memory();
  db.run_script(
        "CREATE TABLE a (id INTEGER PRIMARY KEY);"
        "CREATE TABLE b (a INT REFERENCES a(id) DEFERRABLE INITIALLY DEFERRED)")
      .value();
  try {
    loop.run(db.transaction([](sql::Connection& c) { c.execute("INSERT INTO b VALUES (9)"); }));
    FAIL() << "committed";
  } catch (const DatabaseError& error) {
    EXPECT_EQ(error.kind(), Kind::foreign_key) << error.what();
  }
  EXPECT_EQ(loop.run(db.query_as<int>("SELECT count(*) FROM b")).at(0), 0);
}

TEST(Transaction, DoesNotGoOnAfterAnErrorThatRolledItBack) {
  Loop loop;
  Database db = in_memory();
  db.run_script("CREATE TABLE t (n UNIQUE); INSERT INTO t VALUES (1)").value();
  const auto body = [](sql::Connection& c) {
    EXPECT_THROW(c.execute("INSERT OR ROLLBACK INTO t VALUES (1)"), DatabaseError);
    c.execute("INSERT INTO t VALUES (2)");
  };
  EXPECT_THROW(loop.run(db.transaction(body)), DatabaseError);
  EXPECT_EQ(loop.run(db.query_as<int>("SELECT count(*) FROM t")).at(0), 1);
}

TEST(Transaction, CannotBeEndedByItsBody) {
  Loop loop;
  Database db = in_memory();
  EXPECT_THROW(loop.run(db.transaction([](sql::Connection& c) { c.execute("COMMIT"); })),
               DatabaseError);
  EXPECT_EQ(loop.run(db.query_as<int>("SELECT 1")).at(0), 1);
}

}  // namespace
}  // namespace brigade
