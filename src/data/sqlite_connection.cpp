#include "data/sqlite_connection.hpp"

#include "data/sqlite_error.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <brigade/log.hpp>

#include <system_error>
#include <thread>

namespace brigade::data {
namespace {

using Kind = DatabaseError::Kind;

// Between two attempts at another process's lock. Not sqlite3_busy_timeout, which waits longer
// after each attempt, up to 100 ms, so that whoever has waited longest is served last: of six
// processes with transactions of 3 ms back to back, it left two without one in 5 s; so, none waited
// over 0.6 s.
constexpr std::chrono::milliseconds poll_interval(1);

int open_flags(const SqliteFile& file) {
  // NOMUTEX: one thread at a time is ours to see to.
  constexpr int common = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (file.mode) {
    case SqliteFile::Mode::read_only:
      return common | SQLITE_OPEN_READONLY;
    case SqliteFile::Mode::read_write:
      return common | SQLITE_OPEN_READWRITE;
    case SqliteFile::Mode::create:
      break;
  }
  return common | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
}

}  // namespace

void SqliteConnection::Close::operator()(sqlite3* handle) const {
  ::sqlite3_close(handle);
}

SqliteConnection::Handle SqliteConnection::open(const SqliteFile& file) {
  sqlite3* handle = nullptr;
  const char* name = file.in_memory() ? ":memory:" : file.path.c_str();
  const int code = ::sqlite3_open_v2(name, &handle, open_flags(file), nullptr);
  Handle owner(handle);  // made even when opening failed, unless memory ran out
  if (!handle) throw std::bad_alloc();
  if (code == SQLITE_OK) return owner;
  const int reason = ::sqlite3_system_errno(handle);
  std::string message = ::sqlite3_errmsg(handle);
  if (reason != 0) message += fmt::format(" ({})", std::generic_category().message(reason));
  throw DatabaseError(kind_of(code, false), code, message);
}

// The busy handler is not asked everywhere: two processes that switch a new file to a write-ahead
// log at once are both told "busy" right away, because each waiting for the other would never end.
template <class Action>
auto SqliteConnection::when_free(Action action) {
  const TimePoint until = monotonic_now() + busy_timeout_;
  while (true) {
    try {
      return action();
    } catch (const DatabaseError& error) {
      if (error.kind() != Kind::busy || monotonic_now() >= until) throw;
    }
    std::this_thread::sleep_for(poll_interval);
  }
}

SqliteConnection::SqliteConnection(const SqliteFile& file, std::chrono::milliseconds busy_timeout,
                                   std::timed_mutex& turn)
    : busy_timeout_(busy_timeout),
      read_only_(file.mode == SqliteFile::Mode::read_only),
      turn_(turn),
      handle_(open(file)),
      cache_(handle_.get()) {
  ::sqlite3_busy_handler(handle_.get(), &SqliteConnection::on_busy, this);
  // The first look at the file: here it turns out not to be a database.
  set_up("PRAGMA schema_version");
  if (!file.in_memory() && !read_only_) use_write_ahead_log(file);
  // NORMAL with a write-ahead log: a power cut may lose the last commits, never the database.
  set_up("PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON");
}

int SqliteConnection::on_busy(void* self, int attempt) {
  auto& connection = *static_cast<SqliteConnection*>(self);
  const TimePoint now = monotonic_now();
  if (attempt == 0) connection.busy_until_ = now + connection.busy_timeout_;
  if (now >= connection.busy_until_) return 0;
  std::this_thread::sleep_for(poll_interval);
  return 1;
}

void SqliteConnection::set_up(const char* text) {
  when_free([&] {
    if (::sqlite3_exec(handle_.get(), text, nullptr, nullptr, nullptr) == SQLITE_OK) return;
    throw last_error(handle_.get(), {});  // nobody's SQL: not quoted
  });
}

void SqliteConnection::use_write_ahead_log(const SqliteFile& file) {
  const sql::Rows answer = when_free([this] {
    SqliteStatement statement(handle_.get(), "PRAGMA journal_mode=WAL");
    return SqliteStatement::Use(statement, {}).all_rows();
  });
  const auto mode = answer[0].get<std::string>(0);
  if (mode != "wal") {
    log::warn("{}: no write-ahead log here, so readers wait for writers (journal mode {})",
              name_of(file), mode);
  }
}

SqliteConnection::Turn SqliteConnection::take_turn(std::string_view text) {
  Turn turn(turn_, busy_timeout_);
  if (turn) return turn;
  throw DatabaseError(Kind::busy, SQLITE_BUSY, "other writers of this process took too long", text);
}

template <class Run>
auto SqliteConnection::run(std::string_view text, const std::vector<sql::Value>& args, Run run) {
  // Some errors (ON CONFLICT ROLLBACK, a full disk) end the transaction. A body that carried on
  // after one would commit each of its further statements by itself.
  if (in_transaction_ && is_clean()) {
    throw DatabaseError(Kind::other, 0, "an error has rolled the transaction back already", text);
  }
  SqliteStatement& statement = cache_.get(text);
  Turn turn;
  if (!in_transaction_ && !statement.reads_only()) turn = take_turn(text);
  auto result = [&] {
    SqliteStatement::Use use(statement, args);
    return run(use);
  }();
  check_transaction(text);
  return result;
}

void SqliteConnection::check_transaction(std::string_view text) {
  if (is_clean() != in_transaction_) return;
  if (in_transaction_) {
    throw DatabaseError(Kind::other, 0, "a transaction ends with its body, not before", text);
  }
  // It would stay open on this connection, and the statements that follow go to any of them.
  command("ROLLBACK");
  throw DatabaseError(Kind::other, 0, "use Database::transaction to begin a transaction", text);
}

sql::Rows SqliteConnection::do_query(std::string_view text, const std::vector<sql::Value>& args) {
  return run(text, args, [](SqliteStatement::Use& use) { return use.all_rows(); });
}

sql::Executed SqliteConnection::do_execute(std::string_view text,
                                           const std::vector<sql::Value>& args) {
  sqlite3* handle = handle_.get();
  return run(text, args, [handle](SqliteStatement::Use& use) {
    const auto before = ::sqlite3_total_changes64(handle);
    use.finish();
    // Both figures below are left as they were by statements that change no row.
    if (::sqlite3_total_changes64(handle) == before) return sql::Executed{};
    return sql::Executed{.changes = ::sqlite3_changes64(handle),
                         .last_insert_id = ::sqlite3_last_insert_rowid(handle)};
  });
}

void SqliteConnection::command(const char* text) {
  if (::sqlite3_exec(handle_.get(), text, nullptr, nullptr, nullptr) == SQLITE_OK) return;
  throw last_error(handle_.get(), text);
}

bool SqliteConnection::is_clean() const {
  return ::sqlite3_get_autocommit(handle_.get()) != 0;
}

SqliteConnection::Transaction::Transaction(SqliteConnection& connection)
    : connection_(connection), turn_(connection.take_turn("BEGIN IMMEDIATE")) {
  // IMMEDIATE takes the write lock now. A transaction that reads first and writes later fails with
  // "busy", and without waiting, when another writer came in between.
  connection.command(connection.read_only_ ? "BEGIN" : "BEGIN IMMEDIATE");
  connection.in_transaction_ = true;
}

SqliteConnection::Transaction::~Transaction() {
  connection_.in_transaction_ = false;
  if (connection_.is_clean()) return;  // committed, or rolled back by SQLite itself (disk full)
  ::sqlite3_exec(connection_.handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace brigade::data
