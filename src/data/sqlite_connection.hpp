// One SQLite connection. Used by one thread at a time; which one may change between uses.
//
// Writers of one process take turns by a mutex, and only the one whose turn it is asks SQLite for
// the file's write lock: that lock can only be polled for, and threads of one process need not
// sleep through each other's commits.
#pragma once

#include "data/sqlite_file.hpp"
#include "data/sqlite_statement.hpp"

#include <brigade/time.hpp>

#include <chrono>
#include <mutex>

namespace brigade::data {

class SqliteConnection final : public sql::Connection {
 public:
  /// `turn` is shared by the process's connections to this file. Throws DatabaseError.
  SqliteConnection(const SqliteFile& file, std::chrono::milliseconds busy_timeout,
                   std::timed_mutex& turn);

  /// Runs `body` in one transaction; rolls back and rethrows when it throws.
  template <class Body>
  void transact(Body body) {
    Transaction transaction(*this);
    body();
    transaction.commit();
  }
  /// Runs every statement of `script`. For use inside transact().
  void run_script(std::string_view script) { run_each(handle_.get(), script); }
  /// True when no transaction is open. After transact(): false when it could not be rolled back.
  bool is_clean() const;

  sql::Rows do_query(std::string_view text, const std::vector<sql::Value>& args) override;
  sql::Executed do_execute(std::string_view text, const std::vector<sql::Value>& args) override;

 private:
  using Turn = std::unique_lock<std::timed_mutex>;

  class Transaction {
   public:
    explicit Transaction(SqliteConnection& connection);
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();
    void commit() { connection_.command("COMMIT"); }

   private:
    SqliteConnection& connection_;
    Turn turn_;
  };

  struct Close {
    void operator()(sqlite3* handle) const;
  };
  using Handle = std::unique_ptr<sqlite3, Close>;

  static Handle open(const SqliteFile& file);
  static int on_busy(void* self, int attempt);
  void set_up(const char* text);
  void use_write_ahead_log(const SqliteFile& file);
  Turn take_turn(std::string_view text);
  template <class Run>
  auto run(std::string_view text, const std::vector<sql::Value>& args, Run run);
  void check_transaction(std::string_view text);
  void command(const char* text);
  template <class Action>
  auto when_free(Action action);

  const std::chrono::milliseconds busy_timeout_;
  const bool read_only_;
  std::timed_mutex& turn_;
  TimePoint busy_until_{};  // for the lock that SQLite is waiting for
  bool in_transaction_ = false;
  Handle handle_;
  StatementCache cache_;  // after handle_: statements must be gone before it is closed
};

}  // namespace brigade::data
