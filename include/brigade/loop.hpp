// The event loop: one per thread, on epoll. It runs tasks, timers, descriptors and what other
// threads hand over, and measures itself while it does.
#pragma once

#include <brigade/loop_meter.hpp>
#include <brigade/poller.hpp>
#include <brigade/spin_rule.hpp>
#include <brigade/task.hpp>
#include <brigade/time.hpp>
#include <brigade/timer.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace brigade {

namespace detail {

/// Something another thread hands to a loop. Intrusive: handing over allocates nothing.
class InboxNode {
 public:
  /// On the loop's thread. The node may be destroyed by this call.
  virtual void on_delivered() = 0;
  /// Instead, when the loop is being destroyed and hands over no more.
  virtual void on_dropped() {}

 protected:
  ~InboxNode() = default;

 private:
  friend class ::brigade::Loop;
  InboxNode* next_ = nullptr;
};

/// Thrown by threads::exit(): ends the loop, and with it the thread, with an exit code. Not a
/// std::exception: that is not what `catch (const std::exception&)` means to catch.
struct ExitRequest {
  int code = 0;
};

/// Something that has given a loop its address: it is told when the loop goes first. Loop thread
/// only.
class LoopClient : public ListNode {
 public:
  virtual void on_loop_end() = 0;

 protected:
  ~LoopClient() = default;
};

}  // namespace detail

struct LoopOptions {
  /// The clock timers run on. Must outlive the loop.
  Clock* clock = &monotonic_clock();
  /// Made anew when empty.
  std::unique_ptr<Poller> poller = nullptr;
};

class Loop final : private Watcher {
 public:
  /// Synchronous completions a task may have in a row before its next co_await really suspends.
  static constexpr int budget = 1024;

  explicit Loop(LoopOptions options = {});
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  /// The loop of this thread (the newest, where one is nested in another); current() throws
  /// std::logic_error when there is none.
  static Loop& current();
  static Loop* try_current();

  /// Runs until stop(). Throws what fail() was given, if it was.
  void run();
  /// Runs until nothing keeps it alive, or stop(). Throws likewise.
  void run_until_idle();
  /// Runs until `task` has ended; returns its result or throws its exception.
  template <class T>
  T run(Task<T> task, const char* name = "main");
  /// Loop thread only; from elsewhere post([&] { loop.stop(); }).
  void stop() { stopped_ = true; }
  /// An exception that escaped a callback and that nobody listens for: stops the loop, and run()
  /// throws it. Of several, the first. Loop thread only.
  void fail(std::exception_ptr error);
  /// One turn: waits at most until the next timer, or not at all. For tests and embedding.
  void turn(bool may_wait);

  /// The time this turn began. Good enough for anything but measuring the turn itself.
  TimePoint now() const { return now_; }
  /// When what this turn works through became ready, at the earliest; when a turn cannot fetch all
  /// that is ready, the next one goes on with it.
  TimePoint ready_since() const { return ready_since_; }
  /// Reads the clock.
  TimePoint read_clock() { return now_ = clock_.now(); }
  std::uint64_t now_ms() const {
    return static_cast<std::uint64_t>(now_.time_since_epoch().count()) / 1'000'000;
  }

  // Any thread. Wake-ups are coalesced: a burst costs one write, and none while the loop is awake.
  // What a handed-over node or function does may end the loop: deliver() does not touch it
  // afterwards.
  void deliver(detail::InboxNode& node);
  /// Takes back a node that was delivered and has not been told so yet. Loop thread only.
  void withdraw(detail::InboxNode& node);
  /// Functions still waiting when the loop is destroyed are run then; those that they post are not.
  void post(std::function<void()> function);

  // Loop thread only from here on.
  void arm(Timer& timer, Duration delay);
  void disarm(Timer& timer) { wheel_.disarm(timer); }

  /// False when the kernel refuses (out of memory or watches).
  [[nodiscard]] bool watch(int fd, std::uint32_t events, Watcher& watcher);
  void rewatch(int fd, std::uint32_t events, Watcher& watcher) {
    poller_->modify(fd, events, watcher);
  }
  /// Also drops what this turn has still to tell `watcher`. Call it before the descriptor is
  /// closed.
  void unwatch(int fd, Watcher& watcher);

  // What run_until_idle() and run_main() wait for: started ports, running worker threads.
  void ref() { ++refs_; }
  void unref() { --refs_; }
  std::size_t refs() const { return refs_; }
  void add_client(detail::LoopClient& client) { clients_.push_back(client); }

  void run_later(detail::ReadyNode& node) { ready_.push_back(node); }
  bool spend_budget() { return --budget_left_ > 0; }

  LoopMeter& meter() { return *meter_; }
  /// Moves the figures, with what they hold so far, to memory that others can read.
  void use_meter(LoopMeter& meter);
  /// From then on, whenever it wakes and finds `unwatched` set, it clears it and calls `on_busy`.
  /// While it stays clear that costs a look at it for each sleep.
  void use_watch(std::atomic<std::uint32_t>& unwatched, std::function<void()> on_busy) {
    unwatched_ = &unwatched;
    on_busy_ = std::move(on_busy);
  }

  std::vector<TaskInfo> tasks();
  detail::List<detail::TaskScope>& root_scopes() { return root_scopes_; }

 private:
  void on_event(std::uint32_t events) override;
  int timeout_ms(TimePoint at) const;
  void sleep(int timeout, TimePoint before);
  bool spin();
  void end_clients();
  void collect_inbox();
  void drain_inbox();
  void run_ready();
  void end_turn(TimePoint at);

  Clock& clock_;
  std::unique_ptr<Poller> poller_;
  TimePoint now_;
  TimePoint turn_began_;
  TimePoint ready_since_;
  bool stopped_ = false;
  bool crowded_ = false;  // the last turn had all the events it can hold
  std::exception_ptr failure_;
  std::size_t refs_ = 0;
  detail::SpinRule spin_rule_;
  detail::List<detail::LoopClient> clients_;
  std::uint64_t wakes_ = 0;  // writes to wake_, made or about to be made
  int budget_left_ = budget;
  TimerWheel wheel_;
  detail::List<detail::ReadyNode> ready_;
  detail::InboxNode* mail_first_ = nullptr;  // collected from inbox_, oldest first
  detail::InboxNode** mail_end_ = &mail_first_;
  detail::List<detail::TaskScope> root_scopes_;
  std::array<epoll_event, 256> events_;
  int event_count_ = 0;
  int event_next_ = 0;

  LoopMeter own_meter_{};
  LoopMeter* meter_ = &own_meter_;
  std::atomic<std::uint32_t>* unwatched_ = nullptr;
  std::function<void()> on_busy_;
  TimePoint lag_window_ends_;
  std::uint64_t lag_window_ns_ = 0;
  TimePoint cpu_refresh_at_;
  std::uint64_t cpu_seen_ns_ = 0;

  Loop* outer_ = nullptr;  // the thread's loop before this one

  // Any thread.
  Fd wake_;
  std::atomic<detail::InboxNode*> inbox_{nullptr};  // newest first; a mark while the loop sleeps
};

template <class T>
T Loop::run(Task<T> task, const char* name) {
  struct Owner final : detail::TaskOwner {
    explicit Owner(Loop& loop) : loop_(loop) {}
    void on_task_done() override { loop_.stop(); }
    Loop& loop_;
  } owner(*this);
  detail::TaskScope scope(name, nullptr);
  Task<T> root(std::move(task));  // dies before its scope
  if (!root.start(&owner, &scope)) run();
  if (!root.finished()) throw Cancelled(CancelReason::shutdown);  // somebody stopped the loop
  return root.take_result();
}

namespace detail {
/// Calls `function` when this thread makes its next loop. One at a time; a later one replaces it.
void on_next_loop(std::function<void()> function);

/// Says in the log what escaped a program's main.
void report_uncaught(const std::exception_ptr& error);
}  // namespace detail

/// A program's main: makes a loop, runs the coroutine that `function` returns, then whatever still
/// keeps the loop alive, and returns the coroutine's exit code. An exception that escapes becomes a
/// log line and exit code 1.
template <class Function>
int run_main(Function function) {
  Loop loop;
  try {
    const int code = loop.run(function());
    loop.run_until_idle();
    return code;
  } catch (const detail::ExitRequest& request) {
    return request.code;
  } catch (...) {
    detail::report_uncaught(std::current_exception());
    return 1;
  }
}

}  // namespace brigade
