// One helper: its thread's side, and how it is put into a queue. See wait_helpers.hpp.
#include <fmt/format.h>

#include <sched.h>

#include <chrono>
#include <thread>

#include "threads/wait_helpers.hpp"

namespace brigade::detail {
namespace {

// It sleeps, and wakes for a few lines of code.
constexpr std::size_t stack_size = 128 << 10;

// A helper that was idle is parked already, or will be as soon as it gets a CPU.
constexpr Duration park_patience = std::chrono::seconds(5);

void let_others_run(int round) {
  constexpr int impatient_rounds = 50;
  if (round < impatient_rounds) {
    ::sched_yield();
  } else {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

}  // namespace

Result<void> WaitHelper::start() {
  auto thread =
      Thread::start({.name = "brigade-wait", .stack_size = stack_size}, [this] { run(); });
  if (!thread) return thread.error();
  thread_ = std::move(*thread);
  return {};
}

Result<void> WaitHelper::take_place(std::uint32_t& word) {
  const std::atomic_ref park(park_);
  const TimePoint until = monotonic_now() + park_patience;
  for (int round = 0;; ++round) {
    // First the value, then the move: a helper that is thrown out of the queue the next moment must
    // not park again.
    park.store(1);
    if (futex_move(park_, 1, hop_, 1) == 1) break;
    park.store(0);  // not asleep yet
    if (const int error = error_.load()) {
      return Error::from_errno(error, "wait_async: futex_waitv, which a sandbox may have to allow");
    }
    if (monotonic_now() >= until) {
      return Error(EAGAIN,
                   "wait_async: a helper thread got no CPU time for 5 s; is this process the "
                   "child of a fork without exec?");
    }
    let_others_run(round);
  }
  // Fails only if the helper has just been thrown out: it then finds its place by itself.
  futex_move(hop_, 0, word, 1);
  return {};
}

void WaitHelper::run() {
  for (bool go_on = true; go_on;) {
    Wake wake = sleep();
    if (wake == Wake::lost) wake = stand_again();
    switch (wake) {
      case Wake::notified:
        go_on = pool_.on_notified(*this);
        break;
      case Wake::kicked:
        go_on = pool_.on_kicked(*this);
        break;
      case Wake::lost:
        go_on = error_.load() == 0;
        break;
    }
  }
}

/// `lost`: not in the queue of any word, and, if error_ is 0, without having been parked for long.
WaitHelper::Wake WaitHelper::sleep() {
  int woken = 0;
  const int error = futex_wait_either({kick_.word(), 0}, {park_, 0}, {}, woken);
  if (error == 0) return woken == 1 ? Wake::notified : Wake::kicked;
  if (kick_.raised()) return Wake::kicked;
  if (error != EAGAIN && error != EINTR) error_.store(error);
  return Wake::lost;
}

/// After a wake-up that was none: to the end of the queue, if we stood in one. `lost` if not.
WaitHelper::Wake WaitHelper::stand_again() {
  const std::atomic_ref park(park_);
  while (!has_place_.load()) {
    if (park.load() == 0) return Wake::lost;
    ::sched_yield();  // somebody is just moving us, or finds that we were not asleep
  }
  for (std::uint32_t expected = 0; pool_.still_expects(*this, expected);) {
    int woken = 0;
    const int error = futex_wait_either({kick_.word(), 0}, {*word_, expected}, {}, woken);
    if (error == 0) return woken == 1 ? Wake::notified : Wake::kicked;
  }
  return Wake::kicked;
}

}  // namespace brigade::detail
