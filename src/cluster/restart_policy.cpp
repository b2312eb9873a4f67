#include "cluster/restart_policy.hpp"

#include <algorithm>

namespace brigade::cluster {
namespace {

bool holds(const std::vector<int>& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

Duration delay_of(const RestartOptions& options, unsigned earlier, std::uint64_t random) {
  Duration delay = options.first_delay;
  for (unsigned doubling = 0; doubling < earlier && delay < options.longest_delay; ++doubling) {
    delay *= 2;
  }
  delay = std::min(delay, options.longest_delay);
  // Between half and all of it.
  const auto half = static_cast<std::uint64_t>(delay.count() / 2);
  return delay - Duration(half == 0 ? 0 : random % half);
}

}  // namespace

Verdict RestartPolicy::judge(const Death& death) {
  failed_starts_ = 0;
  switch (rule_for(death.status)) {
    case AfterDeath::at_once:
      return {Verdict::What::restart, Duration(0), true};
    case AfterDeath::give_up:
      return {Verdict::What::give_up, Duration(0), true};
    case AfterDeath::stop:
      return {Verdict::What::stop, Duration(0), true};
    case AfterDeath::back_off:
      break;
  }
  if (death.listened_for >= options_->stable_after) {
    unstable_ = 0;
    return {Verdict::What::restart, Duration(0)};
  }
  const Duration delay = delay_of(*options_, unstable_++, death.random);
  if (is_too_often(death.at)) return {Verdict::What::give_up, Duration(0)};
  return {Verdict::What::restart, delay};
}

Duration RestartPolicy::delay_after_failed_start(std::uint64_t random) {
  return delay_of(*options_, failed_starts_++, random);
}

void RestartPolicy::forgive() {
  unstable_ = 0;
  failed_starts_ = 0;
  deaths_.clear();
}

AfterDeath RestartPolicy::rule_for(const ExitStatus& status) const {
  if (!status.known) return AfterDeath::back_off;
  for (const RestartRule& rule : options_->rules) {
    if (status.signal != 0 ? holds(rule.signals, status.signal)
                           : holds(rule.exit_codes, status.code)) {
      return rule.then;
    }
  }
  return AfterDeath::back_off;
}

bool RestartPolicy::is_too_often(TimePoint now) {
  if (options_->give_up_after == 0) return false;
  deaths_.push_back(now);
  while (now - deaths_.front() > options_->give_up_within) deaths_.pop_front();
  return deaths_.size() >= options_->give_up_after;
}

}  // namespace brigade::cluster
