// What a worker does whose primary is gone: a pure decision.
//
// Every worker decides for itself. Those that stand try for a lock which the kernel gives back when
// its holder dies, so that nobody has to be waited for; whoever has it starts the new primary.
#pragma once

#include <brigade/time.hpp>

#include <optional>

namespace brigade::cluster {

struct ElectionOptions {
  /// Without a primary for so long, a worker finishes what it has and leaves.
  Duration patience = std::chrono::seconds(30);
  Duration first_delay = std::chrono::milliseconds(100);
  Duration longest_delay = std::chrono::seconds(5);
  /// A primary that dies within this time after it took over is unstable, too.
  Duration stable_after = std::chrono::seconds(1);
};

/// The first successor is started at once. After one that did not come to reign, or did not for
/// long, the next waits, each time twice as long: a program whose primary crashes at its start must
/// not take the machine.
class Election {
 public:
  enum class Step {
    none,   // there is a primary
    wait,   // for one that somebody starts, or for the delay to pass
    stand,  // try for the lock, and start one
    leave,
  };

  explicit Election(ElectionOptions options = {}) : options_(options) {}

  void primary_lost(TimePoint now) {
    if (lost_since_) return;
    lost_since_ = now;
    if (!reigns_since_ || now - *reigns_since_ >= options_.stable_after) {
      failures_ = 0;
      stand_at_ = now;
    } else {
      stand_at_ = now + next_delay();
    }
  }
  void primary_reigns(TimePoint now) {
    lost_since_.reset();
    reigns_since_ = now;
  }
  /// The primary that this worker started ended before it took over.
  void attempt_failed(TimePoint now) { stand_at_ = now + next_delay(); }

  Step step(TimePoint now) const {
    if (!lost_since_) return Step::none;
    if (now - *lost_since_ >= options_.patience) return Step::leave;
    return now >= stand_at_ ? Step::stand : Step::wait;
  }

 private:
  Duration next_delay() {
    Duration delay = options_.first_delay;
    for (unsigned doubling = 0; doubling < failures_ && delay < options_.longest_delay; ++doubling)
      delay *= 2;
    ++failures_;
    return delay < options_.longest_delay ? delay : options_.longest_delay;
  }

  ElectionOptions options_;
  std::optional<TimePoint> lost_since_;
  std::optional<TimePoint> reigns_since_;
  TimePoint stand_at_{};
  unsigned failures_ = 0;
};

}  // namespace brigade::cluster
