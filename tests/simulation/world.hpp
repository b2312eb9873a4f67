// Simulated processes and time around a real Supervisor.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "cluster/supervisor.hpp"

namespace simulation {

using brigade::Duration;
using brigade::ExitStatus;
using brigade::TimePoint;
using namespace brigade::cluster;

/// A promise that was not kept.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How the workers of one generation's program behave.
enum class Program : std::uint8_t { good, fails_to_start, never_listens, dies_young, leaves };
inline constexpr int programs = 5;

/// Invariant, checked after each event: the supervisor's picture of the processes is the true one,
/// and every position is in a legal state.
class World {
 public:
  World(const SupervisorOptions& options, std::uint64_t seed, bool trace);

  TimePoint now() const { return now_; }
  Supervisor& supervisor() { return *supervisor_; }
  bool ended() const { return ended_; }
  int exit_code() const { return exit_code_; }
  std::size_t deaths() const { return deaths_; }
  std::size_t events() const { return events_; }
  std::uint64_t random(std::uint64_t below) { return random_() % below; }

  /// Does what the supervisor says, then checks. After each call of the supervisor.
  void settle();
  /// Lives until `until`.
  void run_until(TimePoint until);
  /// Lives until nothing is to change any more; Broken when that takes longer than `longest`.
  void come_to_rest(Duration longest);

  // Faults.
  void kill_some(int signal);
  void kill_all();
  void say_goodbye(std::uint64_t process);
  /// The primary dies; the program of the next one asks for so many positions.
  void succeed(std::uint64_t positions);
  std::uint64_t some_process();
  void no_processes_until(TimePoint until) { none_until_ = until; }
  void next_program(Program program, bool can_be_opened) {
    next_program_ = program;
    can_be_opened_ = can_be_opened;
  }
  /// From now on every program is good.
  void calm() { calm_ = true; }
  void note(const std::string& what);

 private:
  struct Process {
    std::uint32_t position = 0;
    std::uint64_t generation = 0;
    bool listening = false;
    bool leaving = false;
  };
  struct Event {
    enum class Kind : std::uint8_t { listens, leaves, answers, dies };
    TimePoint at;
    std::uint64_t order;
    Kind kind;
    std::uint64_t process;
    ExitStatus status;
    bool operator<(const Event& other) const {  // the earliest is the greatest
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  void perform(const action::Start& start);
  void perform(const action::Drain& drain);
  void perform(const action::Kill& kill);
  void perform(const action::OpenPrograms& open);
  void perform(const action::ClosePrograms& close);
  void perform(const action::End& end);
  void perform(const action::ReloadBegun& begun);
  void perform(const action::ReloadFailed& failed);
  void perform(const action::ReloadFinished& finished);
  void perform(const action::RolledBack& rolled_back);
  template <class Notice>
  void perform(const Notice&) {}

  void carry_out();
  bool adopt_at(std::uint32_t position);
  void adopt(std::uint64_t process);
  void happen(const Event& event);
  void schedule(Event::Kind kind, std::uint64_t process, Duration in, ExitStatus status = {});
  void live(std::uint64_t process);
  void check() const;
  void check_position(const Position& position) const;
  bool at_rest() const;
  void expect(bool holds, const std::string& promise) const;
  Duration milliseconds(std::uint64_t from, std::uint64_t to);

  SupervisorOptions options_;
  std::mt19937_64 random_;
  bool trace_;
  TimePoint now_{std::chrono::hours(1)};
  std::unique_ptr<Supervisor> supervisor_;
  std::map<std::uint64_t, Process> processes_;
  std::priority_queue<Event> queue_;
  std::map<std::uint64_t, Program> opened_;  // by generation
  std::uint64_t shown_generation_ = 1;       // to the next primary
  std::vector<std::uint64_t> inherited_;     // not adopted yet
  std::uint64_t next_id_ = 1;
  std::uint64_t order_ = 0;
  TimePoint none_until_{};
  Program next_program_ = Program::good;
  bool can_be_opened_ = true;
  bool calm_ = false;
  bool mixed_ = false;  // a roll-back could not start the old program everywhere
  bool ended_ = false;
  int exit_code_ = 0;
  std::size_t deaths_ = 0;
  std::size_t events_ = 0;
};

}  // namespace simulation
