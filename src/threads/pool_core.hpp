// The shared part of a ThreadPool: its threads and its queue.
//
// Invariants:
// - A job is in the queue exactly while its state is `queued`, and on a seat exactly while it is
//   `running`.
// - A job's end is told exactly once: its loop is given it, or its abandoner is woken. A thread
// does
//   so after it has let go of the mutex (the loop may have to be woken, which takes a system call),
//   and notes in Seat::handing_over that it still has to; everyone else does it under the mutex.
//   After that nobody touches the job, because its frame may be gone.
// - Every queued job is covered: by a thread that will look at the queue of itself, or by all the
//   threads there may be having a job.
#pragma once

#include <brigade/pool_errors.hpp>
#include <brigade/pool_job.hpp>
#include <brigade/pool_stats.hpp>
#include <brigade/pool_waiter.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "threads/adaptive_mutex.hpp"
#include "threads/pool_queue.hpp"
#include "threads/pool_rules.hpp"
#include "threads/pool_seat.hpp"

namespace brigade::detail {

class PoolCore {
 public:
  explicit PoolCore(ThreadPoolOptions options);
  ~PoolCore();

  // Jobs: on the thread of the job's loop, but for stop(). In pool_core.cpp.

  /// `ended` when the job was taken.
  PoolOutcome submit(PoolJob& job);
  /// For a task that is cancelled. True when the job was still queued: it will not run. One that
  /// runs is asked to stop.
  bool withdraw(PoolJob& job);
  /// Returns when nobody but the caller refers to the job.
  void abandon(PoolJob& job);
  /// Its stop token was triggered. Any thread.
  void stop(PoolJob& job);
  /// Its wait deadline has passed. True when it was still queued: it will not run.
  bool expire(PoolJob& job);
  /// Since when it runs, if it does.
  std::optional<TimePoint> running_since(PoolJob& job);
  /// Its run deadline has passed: asks it to stop.
  void overrun(PoolJob& job, Duration ran);

  // The pool as a whole. In pool_closing.cpp.

  void stop_accepting();
  void begin_close();
  PoolLeft destroy();
  bool needs_drain();
  /// False when there is nothing to wait for.
  bool wait_for_room(PoolListener& waiter);
  bool wait_for_end(PoolListener& waiter);
  /// Tells `watch` when needs_drain() is `full`, also when it is already.
  void wait_until(bool full, PoolListener& watch);
  void leave(PoolListener& waiter);

  // Figures. In pool_report.cpp.

  unsigned threads();
  std::size_t queued() const { return queued_.load(std::memory_order_relaxed); }
  std::vector<RunningJob> running();
  PoolStats stats();
  void reset_stats();
  const std::string& name() const { return options_.name; }
  std::string trouble();
  /// A job whose stop token was triggered before it came here.
  void count_cancelled();

 private:
  /// Whom the holder of the mutex has found to help; to be told when it is released.
  struct Call {
    Help help = Help::none;
    Seat* seat = nullptr;
  };

  // With the mutex.
  PoolOutcome admit(TimePoint now) const;
  Call call_help(TimePoint now);
  Call call_replacement(TimePoint now);
  Seat& reserve_seat();
  PoolJob* take(Seat& seat, TimePoint now);
  bool settle(Seat& seat, PoolJob& job, bool succeeded);
  void unqueue(PoolJob& job);
  void finish_unrun(PoolJob& job, PoolOutcome outcome);
  std::size_t reject_all(PoolOutcome outcome);
  std::stop_source ask_to_stop(PoolJob& job, PoolOutcome outcome);
  void count(PoolOutcome outcome);
  void note_changes();
  void note_full();
  void tell(List<PoolWaiterNode>& waiters);
  void wake_all();
  void start_failed(const std::string& why);
  std::vector<RunningJob> list_running();
  bool worn_out(const Seat& seat) const;

  // Without the mutex: the threads. In pool_threads.cpp.
  void answer(Call call);
  bool start_thread(Seat& seat);
  void thread_main(Seat& seat);
  bool set_up(Seat& seat);
  PoolJob* hand_in(Seat& seat, PoolJob& job, bool succeeded, TimePoint now);
  PoolJob* await_job(Seat& seat);
  bool look_once(Seat& seat);
  bool sleep(Seat& seat, std::unique_lock<AdaptiveMutex>& lock);
  void leave(Seat& seat, bool was_set_up);
  void end_threads();
  void count_time(Seat& seat, TimePoint now);
  void consider_advice(TimePoint now);
  void log_overrun(const std::string& job, Duration ran, bool can_be_asked);

  const ThreadPoolOptions options_;
  const PoolSize size_;
  const std::size_t limit_;
  const int nice_;
  PoolMeter own_meter_{};
  PoolMeter& meter_;

  // Any thread.
  std::atomic<std::size_t> queued_{0};  // written under the mutex, spun on without it
  SharedCounter cpu_ns_{};
  SharedCounter run_ns_{};
  std::atomic<bool> advised_;
  std::atomic<std::int64_t> advise_at_{0};  // steady clock, ns
  std::atomic<std::uint32_t> epoch_{0};

  AdaptiveMutex mutex_;
  // Guarded by mutex_ from here on.
  std::condition_variable_any abandoned_;
  JobQueue queue_;
  std::size_t running_ = 0;
  Crew crew_;
  unsigned present_ = 0;  // alive, or not yet through with their teardown
  std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<Seat*> free_seats_;
  std::vector<Seat*> sleepers_;  // the one that fell asleep last is woken first: its cache is warm
  std::vector<Thread> retired_;  // have left, and are joined by the next that leaves
  StartBackoff backoff_;
  std::string trouble_;  // why there are no threads
  bool closed_ = false;
  bool end_wanted_ = false;  // end when all jobs are done
  bool ending_ = false;
  List<PoolWaiterNode> room_waiters_;
  List<PoolWaiterNode> full_waiters_;
  List<PoolWaiterNode> end_waiters_;
  std::uint64_t done_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t cancelled_ = 0;
  std::uint64_t expired_ = 0;
  TimePoint stats_since_;
  std::uint64_t cpu_base_ns_ = 0;
  std::uint64_t run_base_ns_ = 0;
  TimePoint next_overrun_line_{};
  unsigned overruns_unsaid_ = 0;
};

}  // namespace brigade::detail
