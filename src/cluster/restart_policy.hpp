// When a dead worker is replaced: a pure decision.
#pragma once

#include <brigade/child.hpp>
#include <brigade/cluster_restart.hpp>

#include <cstdint>
#include <deque>

namespace brigade::cluster {

struct Death {
  ExitStatus status;
  Duration listened_for{};  // negative: it never did
  TimePoint at{};
  std::uint64_t random = 0;  // any 64 random bits
};

struct Verdict {
  enum class What : std::uint8_t { restart, give_up, stop } what = What::restart;
  Duration delay{};      // before the restart
  bool by_rule = false;  // of RestartOptions
};

/// The history of one position.
class RestartPolicy {
 public:
  explicit RestartPolicy(const RestartOptions& options) : options_(&options) {}

  Verdict judge(const Death& death);
  /// No process could be made. That is the machine's trouble, and counts for nothing.
  Duration delay_after_failed_start(std::uint64_t random);
  /// Somebody asked for it: what was is forgotten.
  void forgive();
  /// In a row.
  unsigned unstable_deaths() const { return unstable_; }

 private:
  AfterDeath rule_for(const ExitStatus& status) const;
  bool is_too_often(TimePoint now);

  const RestartOptions* options_;
  unsigned unstable_ = 0;
  unsigned failed_starts_ = 0;
  std::deque<TimePoint> deaths_;  // unstable ones, within the window; never more than its limit
};

}  // namespace brigade::cluster
