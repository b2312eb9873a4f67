// Databases in files: opening them, and several connections and processes on one.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/database.hpp>
#include <brigade/loop.hpp>
#include <brigade/task_group.hpp>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace brigade {
namespace {

using namespace std::chrono_literals;

// For a test's files; removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "brigade-XXXXXX").string()) {
    if (!::mkdtemp(path_.data())) throw std::runtime_error("mkdtemp " + path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string open_error(const std::string& url) {
  Result<Database> db = Database::open(url);
  return db ? "no error" : db.error().message();
}

TEST(DatabaseOpen, NamesTheSchemeItDoesNotKnowButNoPassword) {
  EXPECT_EQ(open_error("postgres://ann:secret@db/users"),
            "a database URL starts with \"sqlite:\" (sqlite:users.db, sqlite::memory:), not with "
            "\"postgres:\": this build has only sqlite");
  EXPECT_EQ(open_error("users.db"),
            "a database URL starts with \"sqlite:\" (sqlite:users.db, sqlite::memory:)");
}

TEST(DatabaseOpen, RefusesUrlsThatMeanSomethingElse) {
  EXPECT_EQ(open_error("sqlite:"), "database URL \"sqlite:\" names no file (sqlite:users.db)");
  EXPECT_EQ(open_error("sqlite:x.db?cache=shared"),
            "database URL \"sqlite:x.db?cache=shared\": only ?mode=ro, ?mode=rw and ?mode=rwc are "
            "known after the path");
  EXPECT_EQ(open_error("sqlite::memory:?mode=ro"),
            "database URL \"sqlite::memory:\" takes no mode");
  EXPECT_EQ(open_error("sqlite://users.db"),
            "database URL \"sqlite://users.db\": write sqlite:users.db for a path relative to the "
            "working directory, or sqlite:/… for an absolute one");
}

TEST(DatabaseOpen, NamesAMissingFolder) {
  const TemporaryFolder folder;
  EXPECT_EQ(
      open_error("sqlite:" + (folder / "gone/x.db")),
      fmt::format("database file {0}/gone/x.db: directory {0}/gone does not exist", folder.path()));
  EXPECT_EQ(open_error("sqlite:/dev/null/x.db"),
            "database file /dev/null/x.db: /dev/null is not a directory");
  EXPECT_EQ(open_error("sqlite:" + folder.path()),
            fmt::format("database file {}: is a directory", folder.path()));
}

TEST(DatabaseOpen, SaysWhoMayNotWriteWhere) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  const TemporaryFolder folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0500), 0);
  EXPECT_EQ(
      open_error("sqlite:" + (folder / "x.db")),
      fmt::format("database file {}: not writable by uid {} (directory {}: Permission denied)",
                  folder / "x.db", ::geteuid(), folder.path()));
}

TEST(DatabaseOpen, RefusesAFileThatIsNoDatabase) {
  const TemporaryFolder folder;
  std::ofstream(folder / "x.db") << std::string(4096, 'x');
  EXPECT_EQ(open_error("sqlite:" + (folder / "x.db")),
            fmt::format("database file {}: file is not a database", folder / "x.db"));
}

TEST(DatabaseOpen, MakesTheFileOnlyWhereItMay) {
  const TemporaryFolder folder;
  const std::string url = "sqlite:" + (folder / "x.db");
  const std::string missing = fmt::format("database file {}: does not exist", folder / "x.db");
  EXPECT_EQ(open_error(url + "?mode=ro"), missing);
  EXPECT_EQ(open_error(url + "?mode=rw"), missing);
  EXPECT_EQ(open_error(url), "no error");
  EXPECT_EQ(open_error(url + "?mode=rw"), "no error");
}

TEST(DatabaseOpen, TakesAPathRelativeToTheWorkingDirectoryOfThatMoment) {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  // Not a URI, whatever SQLite was built with.
  Result<Database> db = Database::open("sqlite:file:x.db", {.threads = 2});
  std::filesystem::current_path(before);
  ASSERT_TRUE(db.ok()) << db.error().message();
  EXPECT_TRUE(std::filesystem::exists(folder / "file:x.db"));
}

TEST(DatabaseOpen, ReadsButDoesNotWriteInReadOnlyMode) {
  const TemporaryFolder folder;
  const std::string url = "sqlite:" + (folder / "x.db");
  Database::open(url).value().run_script("CREATE TABLE t (n); INSERT INTO t VALUES (1)").value();
  Database db = Database::open(url + "?mode=ro").value();
  Loop loop;
  EXPECT_EQ(loop.run(db.query_as<int>("SELECT n FROM t")), std::vector<int>{1});
  const auto count = [](sql::Connection& c) { return c.query("SELECT n FROM t").size(); };
  EXPECT_EQ(loop.run(db.transaction(count)), 1u);
  try {
    loop.run(db.execute("INSERT INTO t VALUES (2)"));
    FAIL() << "written";
  } catch (const DatabaseError& error) {
    EXPECT_EQ(error.kind(), DatabaseError::Kind::read_only) << error.what();
  }
}

TEST(DatabaseOpen, SetsUpEveryConnection) {
  const TemporaryFolder folder;
  Database db = Database::open("sqlite:" + (folder / "x.db")).value();
  Loop loop;
  EXPECT_EQ(loop.run(db.query_as<std::string>("PRAGMA journal_mode")).at(0), "wal");
  EXPECT_EQ(loop.run(db.query_as<int>("PRAGMA synchronous")).at(0), 1);
  EXPECT_EQ(loop.run(db.query_as<int>("PRAGMA foreign_keys")).at(0), 1);
}

TEST(RunScript, IsUndoneAsAWholeWhenAStatementFails) {
  const TemporaryFolder folder;
  Database db = Database::open("sqlite:" + (folder / "x.db")).value();
  const Result<void> failed = db.run_script("CREATE TABLE t (n); INSERT INTO u VALUES (1);");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().message(),
            fmt::format("database file {}: no such table: u, in: INSERT INTO u VALUES (1);",
                        folder / "x.db"));
  EXPECT_FALSE(db.run_script("CREATE TABLE u (n); COMMIT; CREATE TABLE v (n)").ok());
  EXPECT_TRUE(db.run_script("CREATE TABLE t (n); -- the end\n").ok());
}

// ---- Several at once ----

Task<> insert(Database db, int n) {
  auto done = co_await db.execute("INSERT INTO t VALUES (?)", n);
  EXPECT_EQ(done.changes, 1);
}

Task<> count(Database db) {
  auto counted = co_await db.query_as<int>("SELECT count(*) FROM t");
  EXPECT_EQ(counted.size(), 1u);
}

TEST(DatabaseFile, ServesAHundredQueriesAtOnce) {
  const TemporaryFolder folder;
  Database db = Database::open("sqlite:" + (folder / "x.db")).value();
  db.run_script("CREATE TABLE t (n INTEGER PRIMARY KEY)").value();
  Loop loop;
  loop.run([](Database all) -> Task<> {
    TaskGroup group;
    for (int n = 0; n < 50; ++n) {
      group.spawn(insert(all, n));
      group.spawn(count(all));
    }
    co_await group.join();
    auto rows = co_await all.query_as<int>("SELECT count(*) FROM t");
    EXPECT_EQ(rows.at(0), 50);
  }(db));
}

TEST(DatabaseFile, SeesNoOtherWriterBetweenTheStatementsOfATransaction) {
  const TemporaryFolder folder;
  const std::string url = "sqlite:" + (folder / "x.db");
  Database db = Database::open(url, {.threads = 4}).value();
  Database other = Database::open(url, {.threads = 4}).value();  // as another process would
  db.run_script("CREATE TABLE t (n INT); INSERT INTO t VALUES (0)").value();
  const auto add = [](sql::Connection& c) {
    const int n = c.query_as<int>("SELECT n FROM t").at(0);
    c.execute("UPDATE t SET n = ?", n + 1);
  };
  Loop loop;
  loop.run([](Database a, Database b, auto body) -> Task<> {
    TaskGroup group;
    for (int n = 0; n < 50; ++n) {
      group.spawn(a.transaction(body));
      group.spawn(b.transaction(body));
    }
    co_await group.join();
    auto n = co_await a.query_as<int>("SELECT n FROM t");
    EXPECT_EQ(n.at(0), 100);
  }(db, other, add));
}

// Runs `insert` from the body of a transaction of `holder`, which has the write lock meanwhile.
std::string insert_meanwhile(Loop& loop, const Database& holder, const Database& writer) {
  return loop.run(holder.transaction([writer](sql::Connection&) -> std::string {
    Loop inner;
    try {
      inner.run(insert(writer, 1));
    } catch (const DatabaseError& error) {
      return to_string(error.kind());
    }
    return "no error";
  }));
}

TEST(DatabaseFile, GivesUpAfterTheBusyTimeout) {
  const TemporaryFolder folder;
  const std::string url = "sqlite:" + (folder / "x.db");
  Database db = Database::open(url, {.busy_timeout = 1ms}).value();
  Database other = Database::open(url, {.busy_timeout = 1ms}).value();
  db.run_script("CREATE TABLE t (n)").value();
  Loop loop;
  EXPECT_EQ(insert_meanwhile(loop, db, other), "busy");
  EXPECT_EQ(insert_meanwhile(loop, db, db), "busy");
}

// The child's whole life: forked before this process has threads or an open database.
int write_fresh_file(const std::string& url, int start) {
  char byte = 0;
  if (::read(start, &byte, 1) < 0) return 2;  // the end of the file: all may begin
  Result<Database> db = Database::open(url);
  if (!db) return 3;
  if (!db->run_script("CREATE TABLE IF NOT EXISTS t (n); CREATE INDEX IF NOT EXISTS i ON t (n)")) {
    return 4;
  }
  try {
    Loop loop;
    for (int n = 0; n < 20; ++n) loop.run(insert(*db, n));
  } catch (const std::exception&) {
    return 5;
  }
  return 0;
}

TEST(DatabaseFile, IsMadeAndWrittenBySeveralProcessesAtOnce) {
  const TemporaryFolder folder;
  for (int round = 0; round < 5; ++round) {
    const std::string url = "sqlite:" + (folder / std::to_string(round));
    int start[2];
    ASSERT_EQ(::pipe(start), 0);
    std::vector<pid_t> children;
    for (int n = 0; n < 3; ++n) {
      children.push_back(::fork());
      if (children.back() == 0) {
        ::close(start[1]);
        ::_exit(write_fresh_file(url, start[0]));
      }
    }
    ::close(start[0]);
    ::close(start[1]);
    for (const pid_t child : children) {
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      EXPECT_EQ(status, 0) << "exit code " << WEXITSTATUS(status);
    }
    Loop loop;
    Database db = Database::open(url).value();
    EXPECT_EQ(loop.run(db.query_as<int>("SELECT count(*) FROM t")).at(0), 60);
  }
}

}  // namespace
}  // namespace brigade
