// CPU work off the loop: a bounded pool of threads that is made once and reused.
//
//     ThreadPool pool({.max_queue = 256, .threads = 2});
//     auto small = co_await pool.run(thumbnail, std::move(image), 200);
//
// A job is a plain function and arguments that it owns. It runs on one of the pool's threads; its
// result, or its exception, comes back on the loop that asked. When the queue is full `run` throws
// Overloaded at once (an HTTP handler that lets it pass answers 503 with Retry-After).
//
// What may be said about one job (priority, deadlines, a stop token, a name) comes first:
//
//     auto small = co_await pool.run({.name = "thumbnail", .wait_deadline = 100ms}, thumbnail, …);
//
// A function whose first parameter is a std::stop_token, and that cannot be called without, gets
// one. It is triggered when nobody wants the result any more: the task was cancelled or destroyed,
// JobOptions::stop_token was triggered, the run_deadline passed, the pool was destroyed. Look at it
// now and then, and return: a thread cannot be stopped against its will, so the co_await ends when
// the function has.
//
// Jobs that wait for a disk or another machine belong into `blocking` (brigade/blocking.hpp).
#pragma once

#include <brigade/pool_errors.hpp>
#include <brigade/pool_job.hpp>
#include <brigade/pool_options.hpp>
#include <brigade/pool_stats.hpp>
#include <brigade/pool_waiter.hpp>

#include <memory>
#include <type_traits>
#include <vector>

namespace brigade {

/// A handle: copies are cheap and share the threads, which end with the last copy. Thread: `run`,
/// `try_run`, `drained`, `watch`, `close` and `destroy` on any thread that has a loop; the rest on
/// any.
class ThreadPool {
 public:
  /// Throws std::system_error when the system has no room for even one of min_threads, and
  /// std::invalid_argument when min_threads is above max_threads. Where there is room for some, the
  /// pool works with those, says so in the log, and tries again when it needs them.
  explicit ThreadPool(ThreadPoolOptions options = {});

  /// Throws what the job throws; Cancelled; and what pool_errors.hpp lists.
  template <class Function, class... Args>
  requires(!std::is_same_v<Function, JobOptions>) auto run(Function function, Args... args) const {
    return detail::PoolRun<false, Function, Args...>(core_, {}, std::move(function),
                                                     std::move(args)...);
  }
  template <class Function, class... Args>
  auto run(JobOptions options, Function function, Args... args) const {
    return detail::PoolRun<false, Function, Args...>(core_, std::move(options), std::move(function),
                                                     std::move(args)...);
  }

  /// The same, with what pool_errors.hpp lists as a value. Error codes: EAGAIN, the queue was full
  /// or there is no thread; ESHUTDOWN, the pool is closed; ETIMEDOUT, queued for too long; ETIME,
  /// ran for too long. The job's own exceptions, and Cancelled, still throw.
  template <class Function, class... Args>
  requires(!std::is_same_v<Function, JobOptions>) auto try_run(Function function,
                                                               Args... args) const {
    return detail::PoolRun<true, Function, Args...>(core_, {}, std::move(function),
                                                    std::move(args)...);
  }
  template <class Function, class... Args>
  auto try_run(JobOptions options, Function function, Args... args) const {
    return detail::PoolRun<true, Function, Args...>(core_, std::move(options), std::move(function),
                                                    std::move(args)...);
  }

  /// True while as many jobs are inside as there may be threads: another would have to wait.
  bool needs_drain() const;
  /// Waits while needs_drain(). For producers that want to keep the pool busy and its queue short;
  /// where there are several, ask again: another may have been quicker.
  detail::PoolRoom drained() const { return detail::PoolRoom(core_); }

  /// The same as callbacks, on this thread's loop, for as long as the result lives (or the loop):
  ///     auto watch = pool.watch({.on_needs_drain = pause, .on_drain = resume});
  /// They come in turns, beginning with on_needs_drain, each in a turn of the loop of its own; what
  /// changed back meanwhile is not told. What they throw ends the loop (Loop::fail).
  [[nodiscard]] std::unique_ptr<detail::PoolWatch> watch(PoolCallbacks callbacks) const;

  /// Refuses jobs from now on; those inside are still run. The threads stay for them.
  void stop_accepting() const;
  /// The same, and `co_await` waits until all jobs and threads have ended, or until `deadline` from
  /// the co_await on: then what is queued throws PoolClosed, what runs is asked to stop and its
  /// result will be dropped, the log names it, and the co_await returns what was left without
  /// waiting any longer. Not to be awaited by a task whose own job is inside.
  detail::PoolEnd close(Duration deadline = std::chrono::seconds(30)) const;
  /// Refuses jobs from now on, rejects those in the queue (PoolClosed), asks those that run to
  /// stop and drops their results (PoolClosed). `co_await` waits until they and the threads have
  /// ended; it need not be awaited.
  detail::PoolEnd destroy() const;

  /// Threads there are now, and jobs that wait for one.
  unsigned threads() const;
  std::size_t queued() const;
  /// The jobs on the threads, longest first.
  std::vector<RunningJob> running() const;
  /// Costs some 5 us and a few more for each thread.
  PoolStats stats() const;
  void reset_stats() const;

 private:
  std::shared_ptr<detail::PoolCore> core_;
};

}  // namespace brigade
