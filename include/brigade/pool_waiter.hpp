// Waiting for a thread pool itself: for room in it, or for its end.
#pragma once

#include <brigade/loop.hpp>
#include <brigade/pool_stats.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace brigade {

/// For ThreadPool::watch(). Either may be missing.
struct PoolCallbacks {
  /// As many jobs are inside as there may be threads: another would have to wait.
  std::function<void()> on_needs_drain = {};
  /// No more, after that.
  std::function<void()> on_drain = {};
};

}  // namespace brigade

namespace brigade::detail {

class PoolCore;

class PoolWaiterNode : public ListNode {
 protected:
  ~PoolWaiterNode() = default;
};

/// Whom a pool tells, on his loop, of one change.
class PoolListener : protected InboxNode, private PoolWaiterNode {
 protected:
  explicit PoolListener(std::shared_ptr<PoolCore> core) : core_(std::move(core)) {}
  ~PoolListener();
  /// Loop thread only. False when there is nothing to wait for.
  template <class Enlist>
  bool wait_here(Enlist enlist) {
    loop_ = &Loop::current();
    if (enlist()) return true;
    loop_ = nullptr;
    return false;
  }
  /// After it the core no longer knows this one. Loop thread only.
  void leave();

  std::shared_ptr<PoolCore> core_;
  Loop* loop_ = nullptr;  // null while nothing is waited for

 private:
  friend class PoolCore;
  enum class State : std::uint8_t { idle, listed, delivered };
  State state_ = State::idle;  // under the core's mutex
};

class PoolWaiter : public Awaiter, protected PoolListener {
 protected:
  PoolWaiter(const char* what, std::shared_ptr<PoolCore> core)
      : Awaiter(what), PoolListener(std::move(core)) {}
  ~PoolWaiter() = default;

 private:
  void on_delivered() override;
  void on_cancel() override;
  virtual void on_left() {}
};

/// co_await pool.drained();
class [[nodiscard]] PoolRoom final : public PoolWaiter {
 public:
  explicit PoolRoom(std::shared_ptr<PoolCore> core) : PoolWaiter("room in a pool", core) {}
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return enter(waiter) && wait();
  }
  void await_resume() const { throw_if_cancelled(); }

 private:
  bool wait();
};

/// pool.watch(callbacks). Loop thread only, like all that it calls; ends with the loop.
class PoolWatch final : private PoolListener, private LoopClient {
 public:
  PoolWatch(std::shared_ptr<PoolCore> core, PoolCallbacks callbacks);
  PoolWatch(const PoolWatch&) = delete;
  PoolWatch& operator=(const PoolWatch&) = delete;
  ~PoolWatch() = default;

 private:
  void on_delivered() override;
  void on_loop_end() override;
  void wait();

  const std::shared_ptr<const PoolCallbacks> callbacks_;  // which may destroy this
  bool full_ = false;                                     // as was told last
};

/// co_await pool.close(deadline), co_await pool.destroy(). What they do begins with the call, and
/// goes on when nobody awaits this.
class PoolEnd final : public PoolWaiter, private Timer {
 public:
  PoolEnd(std::shared_ptr<PoolCore> core, Duration deadline, PoolLeft left)
      : PoolWaiter("end of a pool", core), deadline_(deadline), left_(std::move(left)) {}
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return enter(waiter) && wait();
  }
  PoolLeft await_resume() {
    throw_if_cancelled();
    return std::move(left_);
  }

 private:
  bool wait();
  void on_timer() override;
  void on_left() override;
  Duration deadline_;  // Duration::max(): none
  PoolLeft left_;
};

}  // namespace brigade::detail
