// The shared part of a ThreadPool: its threads and its queue.
//
// Invariants: a job is in `first_`..`last_` exactly while its state is `queued`. A job is handed to its
// loop, or its abandoner is woken, exactly once, by the thread that ran it, under the mutex; after that
// the thread never touches the job again, because its frame may be gone.
#pragma once

#include <brigade/thread_pool.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace brigade::detail {

class PoolCore {
 public:
  explicit PoolCore(ThreadPoolOptions options);
  ~PoolCore();

  bool submit(PoolJob& job);
  /// True when the job was still queued: it will not run.
  bool withdraw(PoolJob& job);
  /// Returns when nobody but the caller refers to the job.
  void abandon(PoolJob& job);
  void close();
  unsigned threads() const { return options_.threads; }
  std::size_t queued();

 private:
  void end_threads();
  void thread_main(unsigned index);
  PoolJob* next_job();
  void finish(PoolJob& job, bool succeeded);
  void unlink(PoolJob& job);

  ThreadPoolOptions options_;  // constant after construction
  PoolMeter own_meter_{};
  PoolMeter& meter_;
  std::vector<std::thread> threads_;

  std::atomic<std::size_t> queued_{0};  // written under the mutex, spun on without it

  std::mutex mutex_;
  // Guarded by mutex_ from here on.
  std::condition_variable work_;
  std::condition_variable abandoned_;
  PoolJob* first_ = nullptr;
  PoolJob* last_ = nullptr;
  std::size_t running_ = 0;
  std::size_t spinning_ = 0;
  bool closed_ = false;
  bool ending_ = false;
};

}  // namespace brigade::detail
