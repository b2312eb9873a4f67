// How a thread pool is made, and what may be said about one of its jobs.
#pragma once

#include <brigade/pool_meter.hpp>
#include <brigade/time.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace brigade {

struct ThreadPoolOptions {
  /// For max_queue: max_threads squared.
  static constexpr std::size_t auto_queue = static_cast<std::size_t>(-1);

  // Behaviour.
  /// Jobs that may wait while all threads are busy. One more is refused. 0: none waits.
  std::size_t max_queue = 256;
  /// Threads are called "name-0", "name-1", … in htop and core dumps; errors and log lines say
  /// which pool.
  std::string name = "pool";
  /// Run on each thread before its first job and after its last: to load a model, to open a
  /// connection. The number is the thread's place in the pool; a place may be taken again after its
  /// thread has ended. An exception out of thread_init is logged, the thread is not used, and the
  /// pool waits a second, then two, … up to 30, before it tries another.
  std::function<void(unsigned)> thread_init = {};
  std::function<void(unsigned)> thread_teardown = {};
  /// A fresh thread for every job, max_threads at a time, for jobs that leave a thread unusable.
  /// Costs some 30 us a job; the log says so once.
  bool thread_per_job = false;
  /// The jobs wait for disks or for other machines, and that is what the pool is for. Otherwise one
  /// log line tells when jobs wait more than they work.
  bool expect_blocking = false;

  // Performance.
  /// min_threads and max_threads in one. 0: one per CPU that this process may use.
  unsigned threads = 0;
  /// Started at once, and kept. Where only one of the two is given, the other is `threads`, moved
  /// up or down to fit; with min_threads above max_threads the constructor throws
  /// std::invalid_argument.
  std::optional<unsigned> min_threads = {};
  /// A job that finds all threads busy starts another, up to so many; at least 1.
  std::optional<unsigned> max_threads = {};
  /// Threads above the minimum end when they had no job for so long. Duration::max(): never.
  Duration idle_timeout = std::chrono::seconds(10);
  /// A thread is replaced after so many jobs, for libraries that leak. 0: never.
  std::uint64_t recycle_after = 0;
  /// A queued job gains one step of priority whenever it has waited so long, so that it is served
  /// in the end whatever keeps coming. Zero: priorities are strict, and low ones may starve.
  Duration aging = Duration::zero();
  /// Bytes. 0: the system's default (8 MB of address space, of which what is used costs memory).
  std::size_t stack_size = 0;
  /// Added to the threads' niceness, 0 to 19, so that the loop's thread goes first when both want
  /// the CPU. At 10 a saturated pool leaves a light route's p99 near 0.2 ms, at 0 near 1 ms; under
  /// a flood of light requests the pool gets about a third less work done.
  int nice = 10;
  /// Where the pool counts. Null: nowhere that others see.
  PoolMeter* meter = nullptr;
};

/// What pool.run and pool.try_run may be told about a job:
///     co_await pool.run({.name = "thumbnail", .wait_deadline = 100ms}, thumbnail, image, 200);
struct JobOptions {
  static constexpr int lowest_priority = -10;
  static constexpr int highest_priority = 10;

  /// For log lines, exceptions and ThreadPool::running(). A literal, or anything that outlives the
  /// job. Empty: the name of the task that waits.
  const char* name = "";
  /// Higher goes first, unlike nice values; equal ones in the order they came. Held within the two
  /// above.
  int priority = 0;
  /// When it is triggered, by whichever thread, a queued job is removed at once, and a running one
  /// is asked to stop (see run_deadline) and its result dropped: the co_await throws
  /// Cancelled(user).
  std::stop_token stop_token = {};
  /// How long it may be queued: then it is removed, and the co_await throws PoolWaitDeadline.
  Duration wait_deadline = Duration::max();
  /// How long it may run. Then the std::stop_token that it was given is triggered, where it takes
  /// one as its first parameter; it is named in the log; and, when it has ended, its result is
  /// dropped and the co_await throws PoolRunDeadline. A job cannot be stopped against its will.
  Duration run_deadline = Duration::max();
};

}  // namespace brigade
