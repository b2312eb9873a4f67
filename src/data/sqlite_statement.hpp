// A compiled statement, and the cache of those that a connection has compiled.
//
// Invariant: a statement in the cache is reset and has no arguments bound, so it holds no lock and
// refers to nobody's memory; SqliteStatement::Use sees to that on every way out.
#pragma once

#include <brigade/database.hpp>

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace brigade::data {

class SqliteStatement {
 public:
  /// Compiles `text`, which must be exactly one statement. Throws DatabaseError.
  SqliteStatement(sqlite3* handle, std::string_view text);

  class Use;
  const std::string& text() const { return text_; }
  /// False when running it would write to the file.
  bool reads_only() const;

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Owner = std::unique_ptr<sqlite3_stmt, Finalize>;

 private:
  sqlite3* handle_;
  std::string text_;
  Owner statement_;
};

/// One run of a statement, from binding to reset. Throws DatabaseError.
class SqliteStatement::Use {
 public:
  /// `args` must stay where they are: they are bound without a copy.
  Use(SqliteStatement& statement, const std::vector<sql::Value>& args);
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use();

  sql::Rows all_rows();
  /// Runs to the end and drops the rows.
  void finish();

 private:
  explicit Use(SqliteStatement& statement);
  void bind(int index, const sql::Value& value);
  bool step();
  sql::Value column(int index);

  sqlite3* handle_;
  sqlite3_stmt* statement_;
  const std::string& text_;
};

/// Runs every statement of `script` to its end, inside a transaction that is open already. Throws
/// DatabaseError, which quotes from the statement that failed onwards.
void run_each(sqlite3* handle, std::string_view script);

/// Least recently used goes first. A schema change is no reason to empty it: SQLite compiles a
/// stale statement again by itself.
class StatementCache {
 public:
  static constexpr std::size_t capacity = 64;

  explicit StatementCache(sqlite3* handle) : handle_(handle) {}
  /// Valid until the next call.
  SqliteStatement& get(std::string_view text);

 private:
  sqlite3* handle_;
  std::list<SqliteStatement> statements_;  // most recently used first
  std::unordered_map<std::string_view, std::list<SqliteStatement>::iterator> by_text_;
};

}  // namespace brigade::data
