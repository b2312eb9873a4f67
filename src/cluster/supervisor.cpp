#include "cluster/supervisor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace brigade::cluster {

Supervisor::Supervisor(SupervisorOptions options, std::uint64_t seed)
    : options_(std::move(options)),
      random_(seed),
      generation_(options_.generation),
      last_generation_(generation_) {
  options_.surge = std::max(options_.surge, 1U);
}

std::optional<Action> Supervisor::next_action() {
  if (actions_.empty()) return std::nullopt;
  Action next = actions_.front();
  actions_.pop_front();
  return next;
}

std::optional<TimePoint> Supervisor::next_deadline() const {
  std::optional<TimePoint> out;
  const auto consider = [&out](const std::optional<TimePoint>& at) {
    if (at && (!out || *at < *out)) out = at;
  };
  for (const auto& [id, member] : members_) {
    consider(member.listen_by);
    consider(member.gone_by);
    consider(member.answer_by);
  }
  for (const Position& position : positions_) consider(position.restart_at);
  consider(change_.first_until);
  if (change_.kind == Change::Kind::reload && change_.steps.empty() && change_.left.empty()) {
    const auto last = std::max_element(
        change_.replaced.begin(), change_.replaced.end(),
        [](const auto& one, const auto& other) { return one.watched_until < other.watched_until; });
    if (last != change_.replaced.end()) consider(last->watched_until);
  }
  return out;
}

// What somebody wants.

std::optional<std::uint32_t> Supervisor::add() {
  if (stopping_) return std::nullopt;
  ended_ = false;
  Position& position = vacant_position();
  begin_start(position, true, false);
  // A reload takes it along.
  if (change_.kind == Change::Kind::reload) change_.left.push_back({.position = position.number});
  return position.number;
}

Position& Supervisor::vacant_position() {
  auto found = std::find_if(positions_.begin(), positions_.end(),
                            [](const Position& position) { return !position.wanted; });
  if (found == positions_.end()) {
    positions_.push_back({.number = static_cast<std::uint32_t>(positions_.size()),
                          .policy = RestartPolicy(options_.restarts)});
    found = positions_.end() - 1;
  } else {
    *found = {.number = found->number, .policy = RestartPolicy(options_.restarts)};
  }
  found->generation = generation_;
  return *found;
}

// A position that only comes to be because a later one is there is not wanted.
Position& Supervisor::position_at(std::uint32_t number) {
  while (positions_.size() <= number) {
    positions_.push_back({.number = static_cast<std::uint32_t>(positions_.size()),
                          .policy = RestartPolicy(options_.restarts),
                          .generation = generation_,
                          .wanted = false});
  }
  return positions_[number];
}

void Supervisor::remove(std::uint32_t number, bool briefly, TimePoint now) {
  Position& position = positions_[number];
  if (!position.wanted) return;
  position.wanted = position.given_up = position.starting = false;
  position.restart_at.reset();
  drop_starts(number, false);
  cancel_step(number, now);
  std::erase_if(change_.replaced, [&](const auto& each) { return each.position == number; });
  if (position.worker != 0) let_go(std::exchange(position.worker, 0), briefly, now);
  advance(now);
}

Result<void> Supervisor::scale(unsigned count, TimePoint now) {
  if (stopping_) return Error(ESHUTDOWN, "cannot scale: the cluster is draining");
  if (count == 0) {
    return Error(EINVAL, "cannot scale to no worker at all: stop the cluster instead");
  }
  if (count >= options_.max_workers) {
    return Error(EINVAL, fmt::format("cannot scale to {} workers: {} are the most (max_workers, "
                                     "less one for a successor)",
                                     count, options_.max_workers - 1));
  }
  const std::size_t before = wanted();
  if (before != count) say(action::Scaled{before, count});
  for (std::size_t index = positions_.size(), now_wanted = before; now_wanted > count;) {
    if (!positions_[--index].wanted) continue;
    remove(positions_[index].number, false, now);
    --now_wanted;
  }
  for (Position& position : positions_) {
    if (!std::exchange(position.given_up, false)) continue;
    position.policy.forgive();
    begin_start(position, false, true);
  }
  for (std::size_t now_wanted = before; now_wanted < count; ++now_wanted) add();
  advance(now);
  return {};
}

void Supervisor::disconnect(std::uint64_t worker, TimePoint now) {
  const Member* member = find(worker);
  if (!member || member->leaving) return;
  const Position& position = positions_[member->position];
  if (position.worker == worker) return remove(position.number, true, now);
  if (position.successor == worker) {
    step_failed(step_at(position.number).value(), action::Fault::rejected, now);
  }
}

void Supervisor::stop(int signal, TimePoint now) {
  if (!stopping_) return begin_stop(now);
  // Not a second thought, but one request that came twice: `timeout` and terminals signal a
  // process and its group.
  constexpr Duration same_request = std::chrono::milliseconds(5);
  if (now - stopping_since_ < same_request) return;
  if (signal != 0 && exit_code_ == 0) exit_code_ = 128 + signal;
  kill_all();
}

void Supervisor::begin_stop(TimePoint now) {
  stopping_ = true;
  stopping_since_ = now;
  opening_ = reload_again_ = false;
  recycles_.clear();
  change_ = {};
  for (Position& position : positions_) {
    position.restart_at.reset();
    position.starting = false;
    position.successor = 0;
    drop_starts(position.number, false);
  }
  for (const auto& [id, member] : members_) let_go(id, true, now);
  finish_if_empty();
}

void Supervisor::kill_all() {
  if (!stopping_) begin_stop(stopping_since_);
  if (std::exchange(killing_, true)) return;
  for (auto& [id, member] : members_) {
    member.gone_by.reset();
    member.answer_by.reset();
    say(action::Kill{id, action::Why::stop});
  }
  finish_if_empty();
}

// What has happened.

void Supervisor::started(const action::Start& start, std::optional<std::uint64_t> worker,
                         TimePoint now) {
  Position& position = positions_[start.position];
  if (worker) {
    members_.emplace(
        *worker, Member{.id = *worker, .position = start.position, .generation = start.generation});
  }
  if (start.successor) {
    const auto step = step_at(start.position);
    const bool expected = step && change_.steps[*step].phase == Step::Phase::starting &&
                          position.successor == 0 && !stopping_;
    if (!worker) {
      if (expected) step_failed(*step, action::Fault::not_started, now);
      return;
    }
    if (!expected) return let_go(*worker, true, now);  // called off meanwhile
    position.successor = *worker;
    members_.at(*worker).listen_by = now + options_.listen_timeout;
    return;
  }
  position.starting = false;
  const bool expected = position.wanted && position.worker == 0 && !stopping_;
  if (!worker) {
    // Out of processes, memory or descriptors: that passes, so it is tried again.
    if (expected) {
      position.restart_at = now + position.policy.delay_after_failed_start(random_());
    }
    return;
  }
  if (!expected) return let_go(*worker, true, now);
  position.worker = *worker;
  if (position.proven) members_.at(*worker).listen_by = now + options_.listen_timeout;
}

void Supervisor::adopt(const Adopted& living, TimePoint now) {
  ended_ = false;
  last_generation_ = std::max(last_generation_, living.generation);
  ever_listened_ = ever_listened_ || living.listens;
  Position& position = position_at(living.position);
  Member& member = members_
                       .emplace(living.worker, Member{.id = living.worker,
                                                      .position = living.position,
                                                      .generation = living.generation})
                       .first->second;
  if (living.listens) member.listening_since = now;
  if (living.leaving) {  // it has been told, or knows by itself
    member.leaving = true;
    member.gone_by = now + options_.drain_deadline + std::chrono::seconds(1);
    return;
  }
  if (!living.answers) member.answer_by = now + options_.answer_timeout;
  if (position.worker != 0 || stopping_) {
    return let_go(living.worker, stopping_ || !living.listens, now);
  }
  std::erase_if(actions_, [&](const Action& each) {
    const auto* start = std::get_if<action::Start>(&each);
    return start && start->position == position.number && !start->successor;
  });
  const bool newly_wanted = !position.wanted;
  if (newly_wanted) {
    position = {.number = position.number,
                .policy = RestartPolicy(options_.restarts),
                .generation = generation_};
  }
  position.worker = living.worker;
  position.restarts = living.restarts;
  position.restart_at.reset();
  position.given_up = position.starting = false;
  position.tried = living.listens;
  // After a reload every worker has to listen; a first one may do other work.
  position.proven = living.listens || living.generation > 1;
  if (position.proven && !living.listens) member.listen_by = now + options_.listen_timeout;
  // A reload takes it along.
  if (newly_wanted && change_.kind == Change::Kind::reload) {
    change_.left.push_back({.position = position.number});
  }
}

void Supervisor::answered(std::uint64_t worker) {
  const auto found = members_.find(worker);
  if (found != members_.end()) found->second.answer_by.reset();
}

void Supervisor::listens(std::uint64_t worker, TimePoint now) {
  const auto found = members_.find(worker);
  if (found == members_.end() || found->second.listening_since) return;
  Member& member = found->second;
  Position& position = positions_[member.position];
  member.listening_since = now;
  member.listen_by.reset();
  ever_listened_ = true;
  if (member.leaving) return;
  position.proven = position.tried = true;
  if (position.successor != worker) return;
  const std::size_t step = step_at(position.number).value();
  if (change_.kind == Change::Kind::reload && !change_.first_passed) {
    change_.first_until = now + options_.probation;
    if (position.worker != 0) {
      change_.steps[step].phase = Step::Phase::watched;
      return;
    }
  }
  take_over(step, now);
  advance(now);
}

void Supervisor::said_goodbye(std::uint64_t worker, TimePoint now) {
  const auto found = members_.find(worker);
  if (found == members_.end() || std::exchange(found->second.leaving, true)) return;
  found->second.listen_by.reset();
  const Position& position = positions_[found->second.position];
  // A successor that says so is one that failed, when it is gone.
  if (position.worker == worker) remove(position.number, true, now);
}

void Supervisor::died(std::uint64_t worker, ExitStatus status, TimePoint now) {
  const auto node = members_.extract(worker);
  if (node.empty()) return;
  const Member& member = node.mapped();
  Position& position = positions_[member.position];
  const bool was_worker = position.worker == worker;
  const bool was_successor = position.successor == worker;
  if (was_worker) position.worker = 0;
  if (was_successor) position.successor = 0;
  if (!stopping_) {
    const auto step = step_at(member.position);
    if (was_successor) {
      step_failed(step.value(), action::Fault::died, now);
    } else if (was_worker) {
      worker_died(position, member, status, now);
    } else if (step && change_.steps[*step].old == worker) {
      change_.steps.erase(change_.steps.begin() + static_cast<std::ptrdiff_t>(*step));
      advance(now);
    }
  }
  finish_if_empty();
}

void Supervisor::worker_died(Position& position, const Member& member, ExitStatus status,
                             TimePoint now) {
  if (const auto step = step_at(position.number)) {
    const Step::Phase phase = change_.steps[*step].phase;
    if (phase == Step::Phase::starting) return;  // its successor is on its way
    if (phase == Step::Phase::watched) {
      take_over(*step, now);
      return advance(now);
    }
  }
  if (on_probation(member.id, now)) {
    return reload_failed(position.number, action::Fault::died, now);
  }
  judge(position, member, status, now);
}

void Supervisor::judge(Position& position, const Member& member, ExitStatus status, TimePoint now) {
  if (first_generation_failed(position)) return;
  if (!options_.restart) return remove(position.number, true, now);
  const Duration listened = member.listening_since ? now - *member.listening_since : Duration(-1);
  const Verdict verdict = position.policy.judge(
      {.status = status, .listened_for = listened, .at = now, .random = random_()});
  switch (verdict.what) {
    case Verdict::What::stop:
      say(action::StopByRule{position.number});
      exit_code_ = 1;
      return begin_stop(now);
    case Verdict::What::give_up:
      position.given_up = true;
      say(action::GivenUp{position.number, verdict.by_rule});
      return;
    case Verdict::What::restart:
      break;
  }
  if (verdict.delay == Duration(0)) return begin_start(position, false, true);
  position.restart_at = now + verdict.delay;
  say(action::Unstable{position.number, position.policy.unstable_deaths(), verdict.delay});
}

// Nothing has ever listened, and now the last of the first workers is dead: trying again will not
// help, and a supervisor above us must hear of it.
bool Supervisor::first_generation_failed(Position& position) {
  position.tried = true;
  if (ever_listened_ || !running_ || last_generation_ != 1 || !options_.restart) return false;
  const bool others_may =
      std::any_of(positions_.begin(), positions_.end(),
                  [](const Position& each) { return each.wanted && !each.tried; });
  if (others_may) return false;
  say(action::NoneCouldStart{});
  exit_code_ = 1;
  kill_all();
  return true;
}

void Supervisor::tick(TimePoint now) {
  const auto passed = [now](std::optional<TimePoint>& at) {
    if (!at || *at > now) return false;
    at.reset();
    return true;
  };
  for (auto& [id, member] : members_) {
    if (passed(member.listen_by)) say(action::Kill{id, action::Why::not_listening});
    if (passed(member.gone_by)) say(action::Kill{id, action::Why::not_gone});
    if (passed(member.answer_by)) say(action::Kill{id, action::Why::not_answering});
  }
  for (Position& position : positions_) {
    if (passed(position.restart_at)) begin_start(position, false, true);
  }
  if (passed(change_.first_until)) return pass_first(now);
  advance(now);
}

void Supervisor::begin_start(Position& position, bool fresh, bool restart) {
  position.starting = true;
  if (restart) ++position.restarts;
  say(action::Start{.position = position.number,
                    .generation = position.generation,
                    .successor = false,
                    .fresh = fresh,
                    .restart = restart});
}

// Its change is over and has left it without anybody.
void Supervisor::fill(Position& position, TimePoint now) {
  const bool somebody = position.worker != 0 || position.starting || position.restart_at;
  if (!position.wanted || somebody || position.given_up) return;
  if (options_.restart) {
    position.restart_at = now + options_.restarts.first_delay;
  } else {
    position.wanted = false;
  }
}

void Supervisor::let_go(std::uint64_t worker, bool briefly, TimePoint now) {
  const auto found = members_.find(worker);
  if (found == members_.end() || std::exchange(found->second.leaving, true)) return;
  found->second.listen_by.reset();
  // What cuts the drain is the worker's own deadline; this is for one that does not heed it.
  found->second.gone_by = now + options_.drain_deadline + std::chrono::seconds(1);
  say(action::Drain{worker, briefly});
}

void Supervisor::drop_starts(std::uint32_t position, bool successors_only) {
  std::erase_if(actions_, [=](const Action& each) {
    const auto* start = std::get_if<action::Start>(&each);
    return start && start->position == position && (start->successor || !successors_only);
  });
}

void Supervisor::finish_if_empty() {
  if (ended_ || !members_.empty() || opening_ || change_.kind != Change::Kind::none) return;
  bool given_up = false;
  for (const Position& position : positions_) {
    if (position.restart_at || position.starting) return;
    given_up = given_up || position.given_up;
  }
  if (given_up && !stopping_) {
    say(action::NoneLeft{});
    exit_code_ = 1;
  }
  ended_ = true;
  say(action::End{exit_code_});
}

// What is.

const Member* Supervisor::find(std::uint64_t worker) const {
  const auto found = members_.find(worker);
  return found == members_.end() ? nullptr : &found->second;
}

bool Supervisor::needs(std::uint64_t generation) const {
  return generation == generation_ || generation == change_.generation ||
         (opening_ && generation == last_generation_) ||
         std::any_of(positions_.begin(), positions_.end(), [generation](const Position& position) {
           return position.wanted && position.generation == generation;
         });
}

std::size_t Supervisor::wanted() const {
  return static_cast<std::size_t>(
      std::count_if(positions_.begin(), positions_.end(),
                    [](const Position& position) { return position.wanted; }));
}

}  // namespace brigade::cluster
