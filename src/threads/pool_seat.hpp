// A thread's place in a pool. It outlives the thread, and another may take it afterwards.
#pragma once

#include <brigade/pool_job.hpp>

#include <atomic>
#include <cstdint>

#include "threads/parker.hpp"
#include "threads/pool_figures.hpp"
#include "threads/thread.hpp"

namespace brigade::detail {

struct Seat {
  explicit Seat(unsigned at) : index(at) {}

  const unsigned index;

  // Any thread.
  Parker parker;
  /// The job whose end the thread is just handing to its loop. See PoolCore::abandon.
  std::atomic<PoolJob*> handing_over{nullptr};
  std::atomic<pid_t> tid{0};  // 0 while there is no thread
  ThreadFigures figures;

  // The seat's own thread.
  CpuShare cpu;
  std::uint64_t run_ns = 0;  // in jobs, and not counted yet
  std::uint64_t jobs = 0;    // begun by this thread

  // Under the pool's mutex.
  Thread thread;
  bool woken = false;      // taken off the list of sleepers by another thread
  bool left = false;       // ended before its maker had put it into `thread`
  PoolJob* job = nullptr;  // that runs
  bool counted = false;    // in PoolMeter::busy
};

}  // namespace brigade::detail
