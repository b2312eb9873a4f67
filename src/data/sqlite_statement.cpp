#include "data/sqlite_statement.hpp"

#include "data/sqlite_error.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

namespace brigade::data {

using Kind = DatabaseError::Kind;

namespace {

// Compiles the first statement of `text` and takes it off; a null one where there was only white
// space or a comment. Returns SQLite's code.
int prepare(sqlite3* handle, std::string_view& text, sqlite3_stmt** statement) {
  const char* rest = nullptr;
  // Persistent: it will live in the cache, so its memory should not come from the lookaside slots.
  const int code = ::sqlite3_prepare_v3(handle, text.data(), static_cast<int>(text.size()),
                                        SQLITE_PREPARE_PERSISTENT, statement, &rest);
  if (code == SQLITE_OK) text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return code;
}

void check_size(std::string_view text) {
  // SQLite's own limit, checked before the size becomes an int.
  if (text.size() <= 1'000'000'000) return;
  throw DatabaseError(Kind::syntax, 0, "longer than a gigabyte", text);
}

}  // namespace

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  ::sqlite3_finalize(statement);
}

SqliteStatement::SqliteStatement(sqlite3* handle, std::string_view text)
    : handle_(handle), text_(text) {
  check_size(text);
  sqlite3_stmt* statement = nullptr;
  std::string_view rest = text_;
  if (prepare(handle, rest, &statement) != SQLITE_OK) throw last_error(handle, text_, true);
  statement_.reset(statement);
  if (!statement) throw DatabaseError(Kind::syntax, 0, "there is no statement", text_);
  // SQLite would leave a second statement out without a word, and its writes with it.
  while (!rest.empty()) {
    sqlite3_stmt* second = nullptr;
    const int code = prepare(handle, rest, &second);
    ::sqlite3_finalize(second);
    if (second || code != SQLITE_OK) {
      throw DatabaseError(Kind::syntax, 0, "one statement at a time; run_script takes several",
                          text_);
    }
  }
}

bool SqliteStatement::reads_only() const {
  return ::sqlite3_stmt_readonly(statement_.get()) != 0;
}

SqliteStatement::Use::Use(SqliteStatement& statement)
    : handle_(statement.handle_), statement_(statement.statement_.get()), text_(statement.text_) {}

// Delegates, so that the destructor clears what was bound when a later argument does not fit.
SqliteStatement::Use::Use(SqliteStatement& statement, const std::vector<sql::Value>& args)
    : Use(statement) {
  const int expected = ::sqlite3_bind_parameter_count(statement_);
  if (static_cast<std::size_t>(expected) != args.size()) {
    throw DatabaseError(
        Kind::other, 0,
        fmt::format("the statement takes {} argument(s), got {}", expected, args.size()), text_);
  }
  for (int index = 0; index < expected; ++index) {
    bind(index + 1, args[static_cast<std::size_t>(index)]);
  }
}

SqliteStatement::Use::~Use() {
  ::sqlite3_reset(statement_);
  ::sqlite3_clear_bindings(statement_);
}

void SqliteStatement::Use::bind(int index, const sql::Value& value) {
  // A null destructor is SQLITE_STATIC: the memory is ours and stays until the reset.
  struct Binder {
    int operator()(std::monostate) const { return ::sqlite3_bind_null(statement, index); }
    int operator()(std::int64_t number) const {
      return ::sqlite3_bind_int64(statement, index, number);
    }
    int operator()(double number) const { return ::sqlite3_bind_double(statement, index, number); }
    int operator()(const std::string& text) const {
      return ::sqlite3_bind_text64(statement, index, text.data(), text.size(), nullptr,
                                   SQLITE_UTF8);
    }
    int operator()(const sql::Blob& bytes) const {
      // A null pointer, which an empty vector may have, would bind NULL.
      if (bytes.empty()) return ::sqlite3_bind_zeroblob(statement, index, 0);
      return ::sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), nullptr);
    }
    sqlite3_stmt* statement;
    int index;
  };
  const int code = std::visit(Binder{statement_, index}, value.storage());
  if (code != SQLITE_OK) throw last_error(handle_, text_);
}

bool SqliteStatement::Use::step() {
  const int code = ::sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  throw last_error(handle_, text_);
}

sql::Value SqliteStatement::Use::column(int index) {
  switch (::sqlite3_column_type(statement_, index)) {
    case SQLITE_INTEGER:
      return std::int64_t{::sqlite3_column_int64(statement_, index)};
    case SQLITE_FLOAT:
      return ::sqlite3_column_double(statement_, index);
    case SQLITE_TEXT: {
      // The pointer first: asking for the size first could convert twice.
      const void* text = ::sqlite3_column_text(statement_, index);
      const auto size = static_cast<std::size_t>(::sqlite3_column_bytes(statement_, index));
      if (!text) throw std::bad_alloc();
      return std::string(static_cast<const char*>(text), size);
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const std::byte*>(::sqlite3_column_blob(statement_, index));
      const auto size = static_cast<std::size_t>(::sqlite3_column_bytes(statement_, index));
      return bytes ? sql::Blob(bytes, bytes + size) : sql::Blob();
    }
    default:
      return nullptr;
  }
}

sql::Rows SqliteStatement::Use::all_rows() {
  bool more = step();
  // Only now: the first step may have compiled the statement again, for a changed schema, and
  // `SELECT *` may have got another column.
  const int count = ::sqlite3_column_count(statement_);
  std::vector<std::string> columns;
  for (int index = 0; index < count; ++index) {
    const char* name = ::sqlite3_column_name(statement_, index);
    columns.emplace_back(name ? name : "");
  }
  std::vector<sql::Value> values;
  for (; more; more = step()) {
    for (int index = 0; index < count; ++index) values.push_back(column(index));
  }
  return sql::Rows(std::move(columns), std::move(values));
}

void SqliteStatement::Use::finish() {
  while (step()) {
  }
}

void run_each(sqlite3* handle, std::string_view script) {
  check_size(script);
  while (!script.empty()) {
    script.remove_prefix(std::min(script.find_first_not_of(" \t\r\n"), script.size()));
    const std::string_view text = script;
    sqlite3_stmt* prepared = nullptr;
    if (prepare(handle, script, &prepared) != SQLITE_OK) throw last_error(handle, text, true);
    const SqliteStatement::Owner statement(prepared);
    int code = prepared ? SQLITE_ROW : SQLITE_DONE;
    while (code == SQLITE_ROW) code = ::sqlite3_step(prepared);
    if (code != SQLITE_DONE) throw last_error(handle, text);
    if (::sqlite3_get_autocommit(handle) != 0) {
      throw DatabaseError(Kind::other, 0, "a script is one transaction, and cannot end it", text);
    }
  }
}

SqliteStatement& StatementCache::get(std::string_view text) {
  const auto found = by_text_.find(text);
  if (found != by_text_.end()) {
    statements_.splice(statements_.begin(), statements_, found->second);
    return statements_.front();
  }
  SqliteStatement& added = statements_.emplace_front(handle_, text);
  by_text_.emplace(added.text(), statements_.begin());
  if (statements_.size() > capacity) {
    by_text_.erase(statements_.back().text());
    statements_.pop_back();
  }
  return added;
}

}  // namespace brigade::data
