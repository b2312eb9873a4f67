// Replacing workers: a successor first, and, in a reload, all or none.
#include <algorithm>
#include <cerrno>

#include "cluster/supervisor.hpp"

namespace brigade::cluster {
namespace {

constexpr unsigned roll_back_tries = 3;

}  // namespace

Result<void> Supervisor::reload(TimePoint) {
  if (stopping_) return Error(ESHUTDOWN, "cannot reload: the cluster is draining");
  if (change_.kind != Change::Kind::none || opening_) {
    reload_again_ = true;
  } else {
    begin_reload();
  }
  return {};
}

void Supervisor::begin_reload() {
  opening_ = true;
  say(action::OpenPrograms{++last_generation_});
}

void Supervisor::opened(std::uint64_t generation, bool done, TimePoint now) {
  if (!std::exchange(opening_, false) || stopping_) return;
  if (!done) {
    --last_generation_;  // it was never used
    return begin_queued(now);
  }
  change_ = {.kind = Change::Kind::reload, .generation = generation};
  change_.first_passed = options_.probation <= Duration(0);
  for (const Position& position : positions_) {
    if (position.wanted) change_.left.push_back({.position = position.number});
  }
  say(action::ReloadBegun{generation});
  advance(now);
}

bool Supervisor::recycle(std::uint64_t worker, TimePoint now) {
  const Member* member = find(worker);
  if (stopping_ || !member || member->leaving) return false;
  const std::uint32_t number = member->position;
  if (positions_[number].worker != worker) return false;
  const auto in_list =
      std::any_of(change_.left.begin(), change_.left.end(),
                  [number](const Target& each) { return each.position == number; });
  const auto step = step_at(number);
  const bool goes_anyway = in_list || (step && change_.steps[*step].phase != Step::Phase::draining);
  if (goes_anyway || std::find(recycles_.begin(), recycles_.end(), worker) != recycles_.end()) {
    return true;
  }
  if (change_.kind == Change::Kind::none && !opening_) change_.kind = Change::Kind::recycle;
  if (change_.kind == Change::Kind::recycle && !step) {
    change_.left.push_back({.position = number, .worker = worker});
    advance(now);
  } else {
    recycles_.push_back(worker);
  }
  return true;
}

bool Supervisor::reject(std::uint64_t worker, TimePoint now) {
  const Member* member = find(worker);
  if (!member || member->leaving) return false;
  const std::uint32_t number = member->position;
  if (positions_[number].successor == worker) {
    step_failed(step_at(number).value(), action::Fault::rejected, now);
    return true;
  }
  if (!on_probation(worker, now)) return false;
  reload_failed(number, action::Fault::rejected, now);
  return true;
}

void Supervisor::begin_queued(TimePoint now) {
  if (std::exchange(reload_again_, false)) return begin_reload();
  for (const std::uint64_t worker : std::exchange(recycles_, {})) recycle(worker, now);
}

// Begins as many steps as may run at once, and ends the change when nothing is left of it.
void Supervisor::advance(TimePoint now) {
  if (change_.kind == Change::Kind::none || stopping_) return;
  const bool reload = change_.kind == Change::Kind::reload;
  const std::size_t most = reload && !change_.first_passed ? 1 : options_.surge;
  while (change_.steps.size() < most && !change_.left.empty() && !change_.first_until) {
    const Target target = change_.left.front();
    change_.left.pop_front();
    const Position& position = positions_[target.position];
    const bool gone = target.worker != 0 && position.worker != target.worker;
    if (position.wanted && !gone && !step_at(target.position)) begin_step(target);
  }
  if (!change_.steps.empty() || !change_.left.empty() || change_.first_until) return;
  const bool watching =
      std::any_of(change_.replaced.begin(), change_.replaced.end(),
                  [now](const auto& replaced) { return replaced.watched_until > now; });
  if (!watching) finish_change(now);
}

void Supervisor::begin_step(Target target) {
  Position& position = positions_[target.position];
  if (std::exchange(position.given_up, false)) position.policy.forgive();
  position.restart_at.reset();
  change_.steps.push_back({.target = target});
  const bool recycle = change_.kind == Change::Kind::recycle;
  say(action::Start{.position = position.number,
                    .generation = recycle ? position.generation : change_.generation,
                    .successor = true,
                    .fresh = false,
                    .restart = false});
}

void Supervisor::take_over(std::size_t index, TimePoint now) {
  Step& step = change_.steps[index];
  Position& position = positions_[step.target.position];
  const Member& successor = members_.at(position.successor);
  position.successor = 0;
  const std::uint64_t old = std::exchange(position.worker, successor.id);
  position.generation = successor.generation;
  position.restart_at.reset();
  if (change_.kind == Change::Kind::reload) {
    change_.replaced.push_back({.position = position.number,
                                .worker = successor.id,
                                .watched_until = *successor.listening_since + options_.probation});
  }
  if (old == 0) {  // it died meanwhile
    change_.steps.erase(change_.steps.begin() + static_cast<std::ptrdiff_t>(index));
    return;
  }
  step.phase = Step::Phase::draining;
  step.old = old;
  let_go(old, false, now);
}

void Supervisor::pass_first(TimePoint now) {
  change_.first_passed = true;
  for (std::size_t index = 0; index < change_.steps.size(); ++index) {
    if (change_.steps[index].phase != Step::Phase::watched) continue;
    take_over(index, now);
    break;  // it was the only one
  }
  advance(now);
}

// The position is changed no more; who has taken over stays, and who was to is let go.
void Supervisor::cancel_step(std::uint32_t number, TimePoint now) {
  const auto index = step_at(number);
  if (!index) return;
  if (change_.steps[*index].phase == Step::Phase::watched) change_.first_until.reset();
  change_.steps.erase(change_.steps.begin() + static_cast<std::ptrdiff_t>(*index));
  drop_starts(number, true);
  if (const auto successor = std::exchange(positions_[number].successor, 0)) {
    let_go(successor, true, now);
  }
}

void Supervisor::step_failed(std::size_t index, action::Fault fault, TimePoint now) {
  Target target = change_.steps[index].target;
  Position& position = positions_[target.position];
  cancel_step(target.position, now);
  if (change_.kind == Change::Kind::reload) return reload_failed(target.position, fault, now);
  if (change_.kind == Change::Kind::recycle) {
    say(action::RecycleFailed{target.position});
    fill(position, now);
  } else if (++target.failures < roll_back_tries) {
    change_.left.push_back(target);
  } else {
    ++change_.failures;
    position.generation = generation_;  // of those that follow
    fill(position, now);
  }
  advance(now);
}

void Supervisor::reload_failed(std::uint32_t number, action::Fault fault, TimePoint now) {
  const std::uint64_t failed = change_.generation;
  std::vector<std::uint32_t> called_off;
  for (const Step& step : change_.steps) {
    if (step.phase != Step::Phase::draining) called_off.push_back(step.target.position);
  }
  for (const std::uint32_t each : called_off) cancel_step(each, now);
  change_ = {.kind = Change::Kind::roll_back, .generation = generation_};
  for (const Position& position : positions_) {
    if (!position.wanted || position.generation != failed) continue;
    // First where nobody serves.
    if (position.worker == 0) {
      change_.left.push_front({.position = position.number});
    } else {
      change_.left.push_back({.position = position.number});
    }
  }
  change_.positions = change_.left.size();
  say(action::ReloadFailed{number, fault, change_.positions});
  called_off.push_back(number);
  for (const std::uint32_t each : called_off) {
    if (positions_[each].generation != failed) fill(positions_[each], now);
  }
  advance(now);
}

void Supervisor::finish_change(TimePoint now) {
  const Change ended = std::exchange(change_, {});
  if (ended.kind == Change::Kind::reload) {
    generation_ = ended.generation;
    say(action::ReloadFinished{generation_});
  } else if (ended.kind == Change::Kind::roll_back && ended.positions > 0) {
    say(action::RolledBack{generation_, ended.positions, ended.failures});
  }
  say(action::ClosePrograms{});
  begin_queued(now);
  if (!positions_.empty()) finish_if_empty();
}

std::optional<std::size_t> Supervisor::step_at(std::uint32_t position) const {
  for (std::size_t index = 0; index < change_.steps.size(); ++index) {
    if (change_.steps[index].target.position == position) return index;
  }
  return std::nullopt;
}

// It serves for a reload that may still fail by it.
bool Supervisor::on_probation(std::uint64_t worker, TimePoint now) const {
  return std::any_of(change_.replaced.begin(), change_.replaced.end(), [&](const auto& replaced) {
    return replaced.worker == worker && now < replaced.watched_until;
  });
}

}  // namespace brigade::cluster
