// The primary's decisions: which workers there shall be, who replaces whom, and when. A state
// machine over events, without processes, clock or loop: the time comes with each event, random
// numbers from a seed, and what is to be done is fetched from a queue.
//
// Invariants: a position has at most one worker that serves and one successor, except that during
// the watch over a reload's first successor both serve; while stopping nothing is started; each
// death is taken once. What is asked for while a change runs follows it, a reload once however
// often it was asked for; scaling and stopping do not wait.
#pragma once

#include <brigade/result.hpp>

#include <map>
#include <random>

#include "cluster/supervision.hpp"

namespace brigade::cluster {

struct SupervisorOptions {
  bool restart = true;
  RestartOptions restarts = {};
  Duration listen_timeout = std::chrono::seconds(30);
  Duration drain_deadline = std::chrono::seconds(30);
  Duration probation = std::chrono::seconds(3);
  unsigned surge = 1;
  unsigned max_workers = 128;
  std::uint64_t generation = 1;  // whose program this process runs
  /// From then on an adopted worker that has not answered is stuck.
  Duration answer_timeout = std::chrono::seconds(10);
};

class Supervisor {
 public:
  Supervisor(SupervisorOptions options, std::uint64_t seed);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// The next thing to do. Fetch them after each event until there is none.
  std::optional<Action> next_action();
  /// When tick() has something to do.
  std::optional<TimePoint> next_deadline() const;

  // What somebody wants.
  /// One more position; its number. Nothing while stopping.
  std::optional<std::uint32_t> add();
  /// Not wanted any more: its worker drains and is not replaced.
  void remove(std::uint32_t position, bool briefly, TimePoint now);
  Result<void> scale(unsigned count, TimePoint now);
  Result<void> reload(TimePoint now);
  bool recycle(std::uint64_t worker, TimePoint now);
  /// It shall go and not be replaced. A successor that is told to has failed.
  void disconnect(std::uint64_t worker, TimePoint now);
  /// A worker on probation has failed, whatever it says itself. False: it is not on probation.
  bool reject(std::uint64_t worker, TimePoint now);
  /// The first time: all drain. The second: all are killed, and the exit code is 128 + `signal`.
  void stop(int signal, TimePoint now);

  /// Everybody, whatever they have.
  void kill_all();

  // What has happened.
  void started(const action::Start& start, std::optional<std::uint64_t> worker, TimePoint now);
  /// It lives and is not ours yet. Serves on at its position, in place of a Start that is on its
  /// way, unless somebody does: then it is let go. The position is made if there is none.
  void adopt(const Adopted& living, TimePoint now);
  void answered(std::uint64_t worker);
  void opened(std::uint64_t generation, bool done, TimePoint now);
  void listens(std::uint64_t worker, TimePoint now);
  void said_goodbye(std::uint64_t worker, TimePoint now);
  void died(std::uint64_t worker, ExitStatus status, TimePoint now);
  void tick(TimePoint now);

  // What is.
  const Member* find(std::uint64_t worker) const;
  const std::map<std::uint64_t, Member>& members() const { return members_; }
  const std::deque<Position>& positions() const { return positions_; }
  const Change& change() const { return change_; }
  bool stopping() const { return stopping_; }
  bool killing() const { return killing_; }
  /// Up to the end of its roll-back.
  bool reloading() const {
    return opening_ || change_.kind == Change::Kind::reload ||
           change_.kind == Change::Kind::roll_back;
  }
  bool reload_follows() const { return reload_again_; }
  bool ever_listened() const { return ever_listened_; }
  /// The program of new positions; a reload's only when that is finished.
  std::uint64_t generation() const { return generation_; }
  bool needs(std::uint64_t generation) const;
  std::size_t wanted() const;
  /// Deaths of first workers end it only while its owner is there to hear of it.
  void set_running(bool running) { running_ = running; }

 private:
  using Step = Change::Step;
  using Target = Change::Target;

  // supervisor.cpp: lives
  void begin_start(Position& position, bool fresh, bool restart);
  void fill(Position& position, TimePoint now);
  void let_go(std::uint64_t worker, bool briefly, TimePoint now);
  void worker_died(Position& position, const Member& member, ExitStatus status, TimePoint now);
  void judge(Position& position, const Member& member, ExitStatus status, TimePoint now);
  bool first_generation_failed(Position& position);
  void give_up(Position& position, bool by_rule);
  void begin_stop(TimePoint now);
  void finish_if_empty();
  Position& vacant_position();
  Position& position_at(std::uint32_t number);
  void drop_starts(std::uint32_t position, bool successors_only);

  // supervisor_change.cpp: reload, recycle, roll-back
  void begin_reload();
  void begin_queued(TimePoint now);
  void advance(TimePoint now);
  void begin_step(Target target);
  void take_over(std::size_t step, TimePoint now);
  void cancel_step(std::uint32_t position, TimePoint now);
  void step_failed(std::size_t step, action::Fault fault, TimePoint now);
  void reload_failed(std::uint32_t position, action::Fault fault, TimePoint now);
  void finish_change(TimePoint now);
  void pass_first(TimePoint now);
  std::optional<std::size_t> step_at(std::uint32_t position) const;
  bool on_probation(std::uint64_t worker, TimePoint now) const;

  template <class What>
  void say(What what) {
    actions_.emplace_back(what);
  }

  SupervisorOptions options_;
  std::mt19937_64 random_;
  std::deque<Action> actions_;
  std::map<std::uint64_t, Member> members_;
  std::deque<Position> positions_;
  Change change_;
  bool opening_ = false;                // the programs of a reload
  bool reload_again_ = false;           // when the change has ended
  std::deque<std::uint64_t> recycles_;  // likewise
  std::uint64_t generation_;
  std::uint64_t last_generation_;  // never used again
  bool running_ = false;
  bool ever_listened_ = false;
  bool stopping_ = false;
  bool killing_ = false;
  bool ended_ = false;
  TimePoint stopping_since_{};
  int exit_code_ = 0;
};

}  // namespace brigade::cluster
