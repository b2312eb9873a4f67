// Whether a loop looks out for mail for a moment before it sleeps. No clock, no loop.
#pragma once

#include <brigade/time.hpp>

#include <algorithm>
#include <chrono>

namespace brigade::detail {

/// Learns from how the last sleeps ended. Two things count:
/// - whether mail comes quickly at all: spinning for something that takes long is for nothing;
/// - what it costs when it does not come: where all CPUs are busy, the spin may keep one from the
///   very thread that would send the mail, which then has to wait for its next time slice. So an
///   account is kept: a spin that pays saves a wake-up, one that does not costs what the mail came
///   late. Once that is overdrawn there are some sleeps without spins; twice as many the next time,
///   unless there was a surplus in between.
class SpinRule {
 public:
  static constexpr int credit_limit = 16;
  static constexpr int shortest_pause = 64;
  static constexpr int longest_pause = 4096;
  /// What a spin saves that pays.
  static constexpr Duration wake_up = std::chrono::microseconds(40);
  static constexpr Duration surplus = std::chrono::milliseconds(10);
  /// Mail that comes later is not late because of a spin.
  static constexpr Duration latest = std::chrono::milliseconds(10);

  /// Asked once before each sleep.
  bool spins() {
    if (credit_ == 0) return false;
    if (pause_ == 0) return true;
    --pause_;
    return false;
  }

  void paid() {
    credit_ = credit_limit;
    account_ += wake_up;
    if (account_ < surplus) return;
    account_ = surplus;
    next_pause_ = shortest_pause;
  }
  /// Nothing came while it span.
  void did_not_pay() { credit_ -= std::min(credit_, 2); }
  /// And then the sleep, with the spin, lasted so long until there was mail.
  void came_late(Duration after) {
    if (after > latest) return;
    account_ -= after;
    if (account_ >= Duration::zero()) return;
    account_ = Duration::zero();
    pause_ = next_pause_;
    next_pause_ = std::min(next_pause_ * 2, longest_pause);
  }
  /// Mail ended a sleep that spinning might have saved.
  void missed() { credit_ = std::min(credit_ + 1, credit_limit); }

 private:
  int credit_ = 0;
  Duration account_{};
  int pause_ = 0;
  int next_pause_ = shortest_pause;
};

}  // namespace brigade::detail
