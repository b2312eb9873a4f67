#include "data/sqlite_backend.hpp"

#include "data/sqlite_connection.hpp"

#include <fmt/format.h>
#include <brigade/thread_pool.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace brigade::data {
namespace {

// The connections that are not in use, and a bound on how many there are.
class Connections {
 public:
  Connections(SqliteFile file, std::chrono::milliseconds busy_timeout, std::size_t limit)
      : file_(std::move(file)), busy_timeout_(busy_timeout), limit_(limit) {
    free_.reserve(limit);
  }

  const SqliteFile& file() const { return file_; }

  /// One for the length of a scope. Waits for one where all are in use, opens one where there may
  /// be more; throws DatabaseError when that fails.
  class Lease {
   public:
    explicit Lease(Connections& all) : all_(all), connection_(all.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { all_.give_back(std::move(connection_)); }
    SqliteConnection* operator->() const { return connection_.get(); }
    SqliteConnection& operator*() const { return *connection_; }

   private:
    Connections& all_;
    std::unique_ptr<SqliteConnection> connection_;
  };

 private:
  std::unique_ptr<SqliteConnection> take() {
    std::unique_lock lock(mutex_);
    // Threads never wait here for each other, there is a connection for each. run_script may.
    returned_.wait(lock, [this] { return !free_.empty() || open_ < limit_; });
    if (!free_.empty()) {
      // The one used last: its caches are warm.
      std::unique_ptr<SqliteConnection> connection = std::move(free_.back());
      free_.pop_back();
      return connection;
    }
    ++open_;
    lock.unlock();
    try {
      return std::make_unique<SqliteConnection>(file_, busy_timeout_, turn_);
    } catch (...) {
      lock.lock();
      --open_;
      returned_.notify_one();
      throw;
    }
  }

  void give_back(std::unique_ptr<SqliteConnection> connection) {
    if (!connection->is_clean()) connection.reset();
    const std::lock_guard lock(mutex_);
    if (connection) {
      free_.push_back(std::move(connection));  // there is room: it cannot throw
    } else {
      --open_;
    }
    returned_.notify_one();
  }

  // Constant after construction.
  const SqliteFile file_;
  const std::chrono::milliseconds busy_timeout_;
  const std::size_t limit_;
  // Any thread.
  std::timed_mutex turn_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable returned_;
  std::vector<std::unique_ptr<SqliteConnection>> free_;
  std::size_t open_ = 0;
};

struct Core {
  Core(SqliteFile file, const DatabaseOptions& options, unsigned thread_count)
      : connections(std::move(file), options.busy_timeout, thread_count),
        threads({.max_queue = options.max_queue,
                 .name = "sqlite",
                 // They wait for the disk, mostly; a nice value would only delay answers.
                 .expect_blocking = true,
                 .threads = thread_count,
                 .nice = 0}) {}
  Connections connections;
  ThreadPool threads;  // after what its jobs use
};

// The jobs below refer to their coroutine's frame: it outlives a running job, whatever is cancelled
// or destroyed, and `core` in it keeps the threads.

template <class T, class Job>
Task<T> run_on(std::shared_ptr<Core> core, Job job) {
  auto with_connection = [&core, &job] {
    Connections::Lease connection(core->connections);
    return job(*connection);
  };
  if constexpr (std::is_void_v<T>) {
    co_await core->threads.run(with_connection);
  } else {
    T result = co_await core->threads.run(with_connection);
    co_return result;
  }
}

class SqliteBackend final : public sql::Backend {
 public:
  explicit SqliteBackend(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  Task<sql::Rows> query(std::string text, std::vector<sql::Value> args) override {
    return run_on<sql::Rows>(
        core_, [text = std::move(text), args = std::move(args)](SqliteConnection& connection) {
          return connection.do_query(text, args);
        });
  }

  Task<sql::Executed> execute(std::string text, std::vector<sql::Value> args) override {
    return run_on<sql::Executed>(
        core_, [text = std::move(text), args = std::move(args)](SqliteConnection& connection) {
          return connection.do_execute(text, args);
        });
  }

  Task<> transaction(std::function<void(sql::Connection&)> body) override {
    return run_on<void>(core_, [body = std::move(body)](SqliteConnection& connection) {
      connection.transact([&] { body(connection); });
    });
  }

  Result<void> run_script(const std::string& text) override {
    try {
      Connections::Lease connection(core_->connections);
      connection->transact([&] { connection->run_script(text); });
      return {};
    } catch (const DatabaseError& error) {
      return Error(fmt::format("{}: {}", name_of(core_->connections.file()), error.what()));
    }
  }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace

Result<std::shared_ptr<sql::Backend>> open_sqlite(std::string_view rest,
                                                  const DatabaseOptions& options) {
  Result<SqliteFile> file = parse_sqlite_url(rest);
  if (!file) return file.error();
  Result<void> access = check_access(*file);
  if (!access) return access.error();
  // Each connection to ":memory:" is a database of its own.
  const unsigned threads = file->in_memory() ? 1 : std::max(options.threads, 1U);
  const std::string name = name_of(*file);
  try {
    auto core = std::make_shared<Core>(std::move(*file), options, threads);
    const Connections::Lease first(core->connections);
    return std::shared_ptr<sql::Backend>(std::make_shared<SqliteBackend>(core));
  } catch (const DatabaseError& error) {
    return Error(fmt::format("{}: {}", name, error.what()));
  }
}

}  // namespace brigade::data
