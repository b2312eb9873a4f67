// When a dead worker is replaced: a pure decision.
#pragma once

#include <brigade/time.hpp>

#include <cstdint>

namespace brigade::cluster {

struct RestartOptions {
  Duration first_delay = std::chrono::milliseconds(100);
  Duration longest_delay = std::chrono::seconds(30);
  /// A worker that dies before it listens, or within this time after, is unstable.
  Duration stable_after = std::chrono::seconds(1);
};

/// One per position. A stable worker is replaced at once; unstable ones wait, each time twice as
/// long, with jitter, so that positions which fail together do not also come back together.
class RestartPolicy {
 public:
  explicit RestartPolicy(RestartOptions options = {}) : options_(options) {}

  /// `listened_for` is negative when the worker never listened. `random` is any 64 random bits.
  Duration delay_after_death(Duration listened_for, std::uint64_t random) {
    if (listened_for >= options_.stable_after) {
      unstable_ = 0;
      return Duration(0);
    }
    Duration delay = options_.first_delay;
    for (unsigned doubling = 0; doubling < unstable_ && delay < options_.longest_delay;
         ++doubling) {
      delay *= 2;
    }
    ++unstable_;
    delay = delay < options_.longest_delay ? delay : options_.longest_delay;
    // Between half and all of it.
    const auto half = static_cast<std::uint64_t>(delay.count() / 2);
    return delay - Duration(half == 0 ? 0 : random % half);
  }
  unsigned unstable_deaths() const { return unstable_; }

 private:
  RestartOptions options_;
  unsigned unstable_ = 0;
};

}  // namespace brigade::cluster
