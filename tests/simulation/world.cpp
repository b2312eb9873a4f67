#include "simulation/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <utility>

namespace simulation {

World::World(const SupervisorOptions& options, std::uint64_t seed, bool trace)
    : options_(options),
      random_(seed),
      trace_(trace),
      supervisor_(std::make_unique<Supervisor>(options, seed)) {
  opened_[1] = Program::good;
  supervisor_->set_running(true);
}

void World::note(const std::string& what) {
  if (!trace_) return;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
  fmt::print("{:>10} ms  {}\n", ms.count() - 3'600'000, what);
}

void World::expect(bool holds, const std::string& promise) const {
  if (!holds) throw Broken(promise);
}

Duration World::milliseconds(std::uint64_t from, std::uint64_t to) {
  return std::chrono::milliseconds(from + random(to - from + 1));
}

void World::carry_out() {
  while (const auto action = supervisor_->next_action()) {
    std::visit([this](const auto& each) { perform(each); }, *action);
  }
}

void World::settle() {
  carry_out();
  ++events_;
  check();
}

// What the supervisor says.

void World::perform(const action::Start& start) {
  if (trace_) {
    note(fmt::format("start at {} of generation {}{}", start.position, start.generation,
                     start.successor ? ", a successor" : ""));
  }
  expect(!supervisor_->stopping(), "nothing is started while the cluster stops");
  expect(opened_.contains(start.generation), "the program of a start is still held open");
  if (start.fresh && adopt_at(start.position)) return;
  if (now_ < none_until_) return supervisor_->started(start, std::nullopt, now_);
  const std::uint64_t id = next_id_++;
  processes_[id] = {.position = start.position, .generation = start.generation};
  live(id);
  supervisor_->started(start, id, now_);
}

void World::live(std::uint64_t id) {
  using Kind = Event::Kind;
  const Program program = calm_ ? Program::good : opened_[processes_[id].generation];
  switch (program) {
    case Program::fails_to_start:
      return schedule(Kind::dies, id, milliseconds(1, 100), {.code = 1});
    case Program::never_listens:
      return;
    case Program::dies_young:
      schedule(Kind::listens, id, milliseconds(1, 100));
      return schedule(Kind::dies, id, milliseconds(100, 6000), {.signal = SIGSEGV});
    case Program::leaves:
      schedule(Kind::listens, id, milliseconds(1, 100));
      return schedule(Kind::leaves, id, milliseconds(1, 5000));
    case Program::good:
      return schedule(Kind::listens, id, milliseconds(1, 300));
  }
}

void World::perform(const action::Drain& drain) {
  if (trace_) note(fmt::format("drain {}", drain.worker));
  const auto found = processes_.find(drain.worker);
  expect(found != processes_.end(), "only the living are told to drain");
  const Position& position = supervisor_->positions()[found->second.position];
  if (!drain.briefly && position.wanted) {
    const Member* heir = supervisor_->find(position.worker);
    expect(heir && heir->listening_since, "nobody who serves goes before a successor listens");
  }
  found->second.leaving = true;
  // One in ten does not heed it.
  if (random(10) != 0) schedule(Event::Kind::dies, drain.worker, milliseconds(0, 3000));
}

void World::perform(const action::Kill& kill) {
  if (trace_) note(fmt::format("kill {}", kill.worker));
  expect(processes_.contains(kill.worker), "only the living are killed");
  schedule(Event::Kind::dies, kill.worker, milliseconds(0, 20), {.signal = SIGKILL});
}

void World::perform(const action::OpenPrograms& open) {
  if (trace_) note(fmt::format("open generation {}: {}", open.generation, can_be_opened_));
  expect(!opened_.contains(open.generation), "a generation's number is not used twice");
  if (can_be_opened_) opened_[open.generation] = next_program_;
  supervisor_->opened(open.generation, can_be_opened_, now_);
}

void World::perform(const action::ClosePrograms&) {
  std::erase_if(opened_, [this](const auto& each) { return !supervisor_->needs(each.first); });
}

void World::perform(const action::End& end) {
  if (trace_) note(fmt::format("end with {}", end.code));
  expect(processes_.empty(), "nobody is left behind at the end");
  ended_ = true;
  exit_code_ = end.code;
}

void World::perform(const action::ReloadBegun& begun) {
  shown_generation_ = begun.generation;
}

void World::perform(const action::ReloadFailed&) {
  shown_generation_ = supervisor_->generation();
}

void World::perform(const action::ReloadFinished& finished) {
  if (trace_) note(fmt::format("reload finished: {}", finished.generation));
  for (const Position& position : supervisor_->positions()) {
    expect(!position.wanted || position.generation == finished.generation,
           "after a reload every position has the new program");
  }
  mixed_ = false;
}

void World::perform(const action::RolledBack& rolled_back) {
  if (trace_) note(fmt::format("rolled back, {} failed", rolled_back.failed));
  mixed_ = mixed_ || rolled_back.failed > 0;
}

// What processes do.

void World::schedule(Event::Kind kind, std::uint64_t process, Duration in, ExitStatus status) {
  queue_.push({now_ + in, order_++, kind, process, status});
}

void World::happen(const Event& event) {
  const auto found = processes_.find(event.process);
  if (found == processes_.end()) return;  // it was quicker to die of something else
  switch (event.kind) {
    case Event::Kind::listens:
      if (trace_) note(fmt::format("{} listens", event.process));
      found->second.listening = true;
      supervisor_->listens(event.process, now_);
      break;
    case Event::Kind::leaves:
      if (trace_) note(fmt::format("{} says goodbye", event.process));
      found->second.leaving = true;
      supervisor_->said_goodbye(event.process, now_);
      schedule(Event::Kind::dies, event.process, milliseconds(0, 1000));
      break;
    case Event::Kind::answers:
      if (trace_) note(fmt::format("{} answers", event.process));
      supervisor_->answered(event.process);
      break;
    case Event::Kind::dies:
      if (trace_) note(fmt::format("{} {}", event.process, event.status.text()));
      processes_.erase(found);
      ++deaths_;
      supervisor_->died(event.process, event.status, now_);
      break;
  }
  settle();
}

void World::run_until(TimePoint until) {
  while (!ended_) {
    const auto deadline = supervisor_->next_deadline();
    const bool tick = deadline && (queue_.empty() || *deadline <= queue_.top().at);
    const TimePoint next = tick ? *deadline : queue_.empty() ? until : queue_.top().at;
    if (next > until || (!tick && queue_.empty())) break;
    now_ = std::max(now_, next);
    if (tick) {
      supervisor_->tick(now_);
      settle();
    } else {
      const Event event = queue_.top();
      queue_.pop();
      happen(event);
    }
  }
  now_ = std::max(now_, until);
}

bool World::at_rest() const {
  if (supervisor_->change().kind != Change::Kind::none) return false;
  const bool all_serve = std::all_of(supervisor_->positions().begin(),
                                     supervisor_->positions().end(), [&](const Position& each) {
                                       if (!each.wanted || each.given_up) return true;
                                       const Member* worker = supervisor_->find(each.worker);
                                       // At a position where none has ever listened nobody must: it
                                       // may do other work.
                                       return worker && (worker->listening_since || !each.proven);
                                     });
  return all_serve && std::none_of(supervisor_->members().begin(), supervisor_->members().end(),
                                   [](const auto& each) { return each.second.leaving; });
}

void World::come_to_rest(Duration longest) {
  const TimePoint end = now_ + longest;
  while (!ended_ && !at_rest()) {
    expect(now_ < end, "calm comes after a storm");
    const auto deadline = supervisor_->next_deadline();
    TimePoint next = end;
    if (deadline) next = std::min(next, *deadline);
    if (!queue_.empty()) next = std::min(next, queue_.top().at);
    run_until(std::max(next, now_));
  }
  if (ended_ || mixed_) return;
  for (const auto& [id, process] : processes_) {
    expect(process.generation == supervisor_->generation(),
           "all workers run one generation, the new one or the old");
  }
}

// Faults.

std::uint64_t World::some_process() {
  if (processes_.empty()) return 0;
  return std::next(processes_.begin(), static_cast<std::ptrdiff_t>(random(processes_.size())))
      ->first;
}

void World::kill_some(int signal) {
  const std::uint64_t id = some_process();
  if (id == 0) return;
  schedule(
      Event::Kind::dies, id, Duration(0),
      signal == 0 ? ExitStatus{.code = static_cast<int>(random(4))} : ExitStatus{.signal = signal});
  run_until(now_);
}

void World::kill_all() {
  for (const auto& [id, process] : processes_) {
    schedule(Event::Kind::dies, id, Duration(0), {.signal = SIGKILL});
  }
  run_until(now_);
}

// Another supervisor takes the processes over, whatever the one before was about to do.
void World::succeed(std::uint64_t positions) {
  const auto may_start_one = [](const auto& each) {
    return each.second.listening && !each.second.leaving;
  };
  if (std::none_of(processes_.begin(), processes_.end(), may_start_one)) return;
  note(fmt::format("a new primary, of generation {}", shown_generation_));
  options_.generation = shown_generation_;
  std::erase_if(opened_, [this](const auto& each) { return each.first != shown_generation_; });
  supervisor_ = std::make_unique<Supervisor>(options_, random_());
  supervisor_->set_running(true);
  for (const auto& [id, process] : processes_) {
    mixed_ = mixed_ || process.generation != shown_generation_;
    inherited_.push_back(id);
  }
  std::sort(inherited_.begin(), inherited_.end(), [this](std::uint64_t one, std::uint64_t other) {
    return std::pair(!processes_[one].listening, other) <
           std::pair(!processes_[other].listening, one);
  });
  for (; positions > 0; --positions) {
    supervisor_->add();
    carry_out();
  }
  for (const std::uint64_t id : std::exchange(inherited_, {})) adopt(id);
  settle();
}

bool World::adopt_at(std::uint32_t position) {
  const auto found = std::find_if(inherited_.begin(), inherited_.end(), [&](std::uint64_t id) {
    return processes_[id].position == position && !processes_[id].leaving;
  });
  if (found == inherited_.end()) return false;
  const std::uint64_t id = *found;
  inherited_.erase(found);
  adopt(id);
  return true;
}

void World::adopt(std::uint64_t id) {
  const Process& process = processes_[id];
  const bool answers = random(4) != 0;
  supervisor_->adopt({.worker = id,
                      .position = process.position,
                      .generation = process.generation,
                      .listens = process.listening,
                      .leaving = process.leaving,
                      .answers = answers},
                     now_);
  if (!answers && random(2) == 0) schedule(Event::Kind::answers, id, milliseconds(0, 12'000));
}

void World::say_goodbye(std::uint64_t process) {
  if (process == 0) return;
  schedule(Event::Kind::leaves, process, Duration(0));
  run_until(now_);
}

// What must hold at any time.

void World::check() const {
  expect(supervisor_->members().size() == processes_.size(), "every death is taken once");
  std::size_t staying = 0;
  for (const auto& [id, member] : supervisor_->members()) {
    const auto found = processes_.find(id);
    expect(found != processes_.end(), "who is dead is known to be dead");
    expect(member.generation == found->second.generation, "it is known what a worker runs");
    if (member.leaving) continue;
    ++staying;
    const Position& position = supervisor_->positions()[member.position];
    expect(position.worker == id || position.successor == id,
           "who is not told to go has a position");
  }
  const std::size_t surge = std::max(options_.surge, 1U);
  const Change& change = supervisor_->change();
  expect(change.steps.size() <= surge, "no more than `surge` positions change at once");
  expect(staying <= supervisor_->wanted() + surge,
         "there are no more workers than wanted and surge");
  for (const Position& position : supervisor_->positions()) check_position(position);
}

void World::check_position(const Position& position) const {
  for (const std::uint64_t id : {position.worker, position.successor}) {
    if (id == 0) continue;
    const auto found = processes_.find(id);
    expect(found != processes_.end() && found->second.position == position.number,
           "a position's worker lives and is there");
  }
  expect(position.worker == 0 || position.worker != position.successor,
         "nobody is its own successor");
  expect(!position.starting, "a start that was said was carried out");
  if (supervisor_->stopping()) {
    return expect(!position.restart_at, "no restart is planned while the cluster stops");
  }
  if (!position.wanted) {
    return expect(position.worker == 0 && position.successor == 0 && !position.restart_at,
                  "who is not wanted is let go");
  }
  const auto& left = supervisor_->change().left;
  const bool is_left = std::any_of(
      left.begin(), left.end(), [&](const auto& each) { return each.position == position.number; });
  expect(ended_ || position.worker != 0 || position.successor != 0 || position.restart_at ||
             position.given_up || is_left,
         "a position that is wanted has somebody, or somebody is to come, or it is given up");
  expect(!position.given_up || (position.worker == 0 && !position.restart_at),
         "who is given up is not started");
}

}  // namespace simulation
