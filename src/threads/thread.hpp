// A thread with a name, a stack of a chosen size, and no signals.
//
// Why not std::thread: it takes no stack size, and signals can be blocked for it only by changing
// the mask of the thread that makes it, where one that arrives meanwhile is late.
#pragma once

#include <brigade/result.hpp>

#include <pthread.h>
#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace brigade::detail {

struct ThreadOptions {
  /// Cut to 15 bytes; `htop`, `ps -L` and core dumps show it. Empty: its maker's name.
  std::string name = {};
  /// Bytes, rounded up to whole pages and to the system's minimum. 0: the system's default (8 MB
  /// of address space, of which only what is used costs memory).
  std::size_t stack_size = 0;
};

/// Owns a running thread. Thread: the handle belongs to one thread at a time.
class Thread {
 public:
  /// Runs `body` on a new thread that blocks all signals but those of a fault. An exception that
  /// escapes `body` ends the process. The Error has the code EAGAIN where the system has no room.
  static Result<Thread> start(ThreadOptions options, std::function<void()> body);

  Thread() = default;
  Thread(Thread&&) noexcept = default;
  /// Joins the thread that it owned before.
  Thread& operator=(Thread&& other) noexcept;
  /// Joins.
  ~Thread() { join(); }

  bool joinable() const { return state_ != nullptr; }
  /// Waits until the thread has ended, its thread_local objects included. Nothing when there is no
  /// thread. A thread that joins itself ends the process: it would wait for ever.
  void join();
  pthread_t native() const;
  /// The kernel's number for it. Waits for the thread's first instructions.
  pid_t tid() const;

 private:
  struct State;
  struct Free {
    void operator()(State* state) const;
  };
  static void* entry(void* state);
  std::unique_ptr<State, Free> state_;
};

/// All signals but those that a fault raises: the kernel kills a process that blocks those, and no
/// crash handler would run. The others are the loop's business.
sigset_t all_but_faults();

}  // namespace brigade::detail
