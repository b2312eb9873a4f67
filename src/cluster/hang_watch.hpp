// Whether a worker hangs: a pure decision over samples of it.
//
// A hang is a stretch of time in which the worker could have gone on and did not. So what is added
// up is not what the clock says: time in which its loop's thread waited for a CPU does not count,
// nor does time in which we ourselves did not look (the primary was stopped, or starved). Only the
// monotonic clock is read, so setting the other one changes nothing.
#pragma once

#include <brigade/time.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace brigade::cluster {

struct HangSample {
  bool stopped = false;             // by a signal: SIGSTOP, a debugger
  std::uint64_t turns = 0;          // of its loop, so far
  std::uint64_t busy_since_ns = 0;  // 0: it sleeps
  // Of the loop's thread, from /proc; all 0 where that cannot be read.
  bool runnable = false;
  std::uint64_t ran_ns = 0;     // so far
  std::uint64_t waited_ns = 0;  // so far, for a CPU
};

struct HangLimits {
  Duration period{};  // between two looks
  Duration stall_after{};
  Duration hang_after{};
};

class HangWatch {
 public:
  enum class Verdict {
    asleep,   // and nothing has happened since the last look
    working,  // it gets on, or has not stood still for long
    stalls,   // told once of each stall
    hangs,
  };

  Verdict look(const HangSample& sample, TimePoint now, const HangLimits& limits) {
    const Duration elapsed = seen_ ? now - looked_ : Duration(0);
    const HangSample before = std::exchange(last_, sample);
    const bool first = !std::exchange(seen_, true);
    looked_ = now;
    const bool asleep = !sample.stopped && sample.busy_since_ns == 0;
    if (first || asleep || sample.stopped != before.stopped ||
        (!sample.stopped && sample.turns != before.turns)) {
      stuck_ = Duration(0);
      told_ = false;
      return asleep && !first && sample.turns == before.turns ? Verdict::asleep : Verdict::working;
    }
    // What happened in a longer time than was meant, nobody knows.
    if (elapsed <= 2 * limits.period) stuck_ += could_run(before, sample, elapsed);
    if (limits.hang_after > Duration(0) && stuck_ >= limits.hang_after) return Verdict::hangs;
    if (limits.stall_after > Duration(0) && stuck_ >= limits.stall_after &&
        !std::exchange(told_, true)) {
      return Verdict::stalls;
    }
    return Verdict::working;
  }

  /// How long it has stood still though it could have run.
  Duration stuck() const { return stuck_; }
  bool stopped() const { return last_.stopped; }
  bool spins() const { return last_.runnable; }
  /// As if it had only now begun to be looked at.
  void start_over() { *this = HangWatch(); }

 private:
  static Duration could_run(const HangSample& before, const HangSample& now, Duration elapsed) {
    if (now.stopped) return elapsed;
    const auto since = [](std::uint64_t from, std::uint64_t to) {
      return Duration(to > from ? to - from : 0);
    };
    // Who wants to run has only what it got; a quota's throttling shows nowhere else.
    if (now.runnable) return std::min(elapsed, since(before.ran_ns, now.ran_ns));
    return elapsed - std::min(elapsed, since(before.waited_ns, now.waited_ns));
  }

  HangSample last_;
  TimePoint looked_{};
  Duration stuck_{};
  bool seen_ = false;
  bool told_ = false;
};

}  // namespace brigade::cluster
