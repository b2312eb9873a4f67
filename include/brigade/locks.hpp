// Named locks: whoever knows the name can wait for its turn, in any thread, without blocking it.
//
//     auto lock = co_await locks::request("accounts/7");      // exclusive; waits in line
//     …                                                       // released when `lock` dies
//
//     auto reader = co_await locks::request("cache", {.mode = locks::Mode::shared});
//     if (auto lock = co_await locks::request("sweep", {.if_available = true})) { … }
//
// The semantics are those of the Web Locks API (W3C). Names hold within the process. Nothing in the
// interface depends on that: they are meant to reach the cluster's other processes one day.
#pragma once

#include <brigade/loop.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace brigade::locks {

namespace detail {
struct LockRecord;
class ThreadLocks;
}  // namespace detail

enum class Mode : std::uint8_t {
  exclusive,  // one holder
  shared,     // any number of holders, all of them shared
};

struct Options {
  Mode mode = Mode::exclusive;
  /// Does not wait: an empty Lock when somebody holds it, or waits for it, and is in the way.
  bool if_available = false;
  /// Takes the lock from those who hold it, past those who wait. Exclusive only.
  bool steal = false;
  /// A request ends the wait with Cancelled. Of no effect once the lock is held.
  std::stop_token stop_token = {};
};

/// A lock that is held, or nothing. Move-only; releases when destroyed. May be moved to, released
/// and destroyed on any thread; the calls on one Lock take turns. It belongs to the thread that
/// asked for it: when that ends, the lock is released, wherever this object is.
class Lock {
 public:
  /// Nothing is held.
  Lock();
  Lock(Lock&& other) noexcept;
  Lock& operator=(Lock&& other) noexcept;
  ~Lock();

  /// False for an empty one: busy with Options::if_available, or moved from.
  explicit operator bool() const { return record_ != nullptr; }
  /// False once it is released or stolen, or its thread has ended.
  bool held() const;
  /// Somebody took it away (Options::steal). What it guards is the thief's now.
  bool stolen() const;
  /// Requested when the lock is taken away: stolen, or because its thread has ended. Callbacks run
  /// on the thread that does that; they must not throw. Not requested by release().
  std::stop_token lost() const;
  const std::string& name() const;
  Mode mode() const;

  /// The next in line gets it. Nothing when it is not held.
  void release();

 private:
  friend class Request;
  explicit Lock(std::unique_ptr<detail::LockRecord> record);
  std::unique_ptr<detail::LockRecord> record_;
};

/// `auto lock = co_await locks::request(…);`. Lives in the frame that waits. When that is cancelled
/// or destroyed meanwhile, the next in line gets the lock.
class [[nodiscard]] Request final : public brigade::detail::Awaiter,
                                    private brigade::detail::InboxNode {
 public:
  Request(std::string name, Options options);
  ~Request();
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return enter(waiter) && begin();
  }
  /// Throws Cancelled when the task, or the wait by its stop_token, is cancelled.
  Lock await_resume();

 private:
  friend struct detail::LockRecord;
  /// For Options::stop_token: on the thread that requests the stop.
  struct Abort {
    Request& request;
    void operator()() const { request.abort(); }
  };
  bool begin();
  bool enter_queue(Loop& loop, detail::ThreadLocks& thread);
  void leave();
  void abort();
  void on_delivered() override;
  void on_dropped() override;
  void on_cancel() override;

  Options options_;
  std::unique_ptr<detail::LockRecord> record_;
  Loop* loop_ = nullptr;
  // Under the locks' mutex.
  bool told_ = false;  // handed to loop_, and not delivered yet
  bool aborted_ = false;
  std::optional<std::stop_callback<Abort>> on_stop_;
};

/// Waits for the lock of that name; on this thread's loop. First come, first served, but that
/// shared requests which stand next to each other are granted together. Throws
/// std::invalid_argument for names that begin with '-' (they are reserved), for `steal` with shared
/// mode, if_available or a stop_token, and for if_available with a stop_token.
Request request(std::string name, Options options = {});

struct LockInfo {
  std::string name;
  Mode mode = Mode::exclusive;
  /// threads::thread_id() of the thread that asked.
  std::uint32_t thread = 0;
};

/// Of all names, at one moment: in alphabetical order, those of one name in the order in which they
/// got it, or stand in line. For logs and tests: it is out of date when it returns.
struct Snapshot {
  std::vector<LockInfo> held;
  std::vector<LockInfo> pending;
};
Snapshot query();

}  // namespace brigade::locks
