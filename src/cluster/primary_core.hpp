// The inside of cluster::Primary.
//
// What is to be done is Supervisor's to say; this does it. Invariants: a worker's slot on the
// scoreboard is released exactly once, after it was reaped; a socket stays open until the program
// closes it in every worker, so an accept queue never dies with a worker.
#pragma once

#include <brigade/cluster.hpp>
#include <brigade/signal.hpp>

#include <deque>
#include <map>
#include <memory>

#include "cluster/broadcasts.hpp"
#include "cluster/error_sink.hpp"
#include "cluster/inheritance.hpp"
#include "cluster/oom_kills.hpp"
#include "cluster/passing.hpp"
#include "cluster/primary_control.hpp"
#include "cluster/programs.hpp"
#include "cluster/reload_news.hpp"
#include "cluster/sockets.hpp"
#include "cluster/spawn.hpp"
#include "cluster/supervisor.hpp"
#include "cluster/worker_process.hpp"
#include "stats/scoreboard.hpp"

namespace brigade::cluster::detail {

/// "; stack: innermost < … < outermost", or nothing.
std::string stack_text(const std::vector<std::string>& stack);

class PrimaryCore {
 public:
  explicit PrimaryCore(PrimaryOptions options);
  ~PrimaryCore();

  Worker* fork(const std::map<std::string, std::string>& environment);
  Result<void> reload();
  void shutdown();
  int run();
  std::vector<Worker*> workers();
  void disconnect(WorkerProcess& worker);
  /// Starts a successor at its position and drains it when that listens; after a reload that runs.
  /// False when it is on its way out already, or is a successor itself.
  bool recycle(WorkerProcess& worker, const std::string& reason);
  /// As Worker::reject().
  bool reject(WorkerProcess& worker, const std::string& reason);
  /// As Primary::scale().
  Result<void> scale(unsigned count);
  void configure(const WorkerSettings& patch);
  std::vector<PastExit> exits(std::uint32_t number) const;
  const WorkerSettings& settings() const { return options_.settings; }
  void set_message_handlers(MessageHandlers<Worker> handlers);
  void set_request_handlers(RequestHandlers<Worker> handlers);
  /// It has done wrong, and says no sensible thing any more.
  void kill_for(WorkerProcess& worker, const char* error);

  // For PrimaryControl.
  const stats::Scoreboard& board() const { return board_; }
  std::vector<std::string> addresses() const { return sockets_.addresses(); }
  bool draining() const { return supervisor_.stopping(); }
  bool reloading() const { return supervisor_.reloading(); }
  /// The one that serves there, or null.
  WorkerProcess* worker_at(std::uint32_t position);
  /// Of this process, its workers and those to come.
  void set_log_level(log::Level level);
  /// Whatever they have.
  void kill_all();
  const Supervisor& supervisor() const { return supervisor_; }

  std::vector<Primary::WorkerCallback> on_fork;
  std::vector<Primary::WorkerCallback> on_online;
  std::vector<std::function<void(Worker&, const std::string&)>> on_listening;
  std::vector<Primary::WorkerCallback> on_disconnect;
  std::vector<std::function<void(Worker&, ExitStatus)>> on_exit;
  std::vector<std::function<void(Worker&, OutputStream, std::string_view)>> on_output;
  std::vector<std::function<void(Worker*, const Error&)>> on_error;
  std::vector<std::function<void(const WorkerSettings&)>> on_setup;
  std::vector<std::function<void(const ReloadNews&)>> on_reload;
  std::vector<std::function<void()>> on_stop;
  /// All that the supervisor says, when it is done.
  std::vector<std::function<void(const Action&)>> on_action;

 private:
  struct Seat {
    WorkerSettings settings;     // as they were at its fork()
    std::deque<PastExit> exits;  // the newest last
  };
  struct Deadline final : Timer {
    explicit Deadline(PrimaryCore& owner) : core(owner) {}
    void on_timer() override { core.tick(); }
    PrimaryCore& core;
  };

  // primary_core.cpp: lives
  WorkerProcess* start(const action::Start& start);
  void post(std::function<void()> function);
  void reaped(WorkerProcess& worker, ExitStatus status);
  void channel_closed(WorkerProcess& worker, const char* error);
  void tell_fork(WorkerProcess& worker);
  void tell_disconnect(WorkerProcess& worker);
  void forget_if_gone(WorkerProcess& worker);
  void log_death(WorkerProcess& worker);
  void drain(WorkerProcess& worker, Duration quiet);
  void note_stopped();

  // primary_settings.cpp: how processes are started
  struct Outputs {
    Fd out, error;  // the worker's ends; empty: it has the primary's
  };
  Result<Spawned> spawn_worker(const WorkerSettings& settings, WorkerProcess& worker);
  Result<Outputs> open_outputs(const WorkerSettings& settings, WorkerProcess& worker);
  Result<void> open_programs(std::uint64_t generation);
  void report(WorkerProcess* worker, const Error& error);

  // primary_exits.cpp: why workers end
  void note_reason(WorkerProcess& worker, ExitStatus status);
  void log_exit(const WorkerProcess& worker);

  // primary_health.cpp: who hangs, and who has passed a limit
  struct Rounds final : Timer {
    explicit Rounds(PrimaryCore& owner) : core(owner) {}
    void on_timer() override { core.make_rounds(); }
    PrimaryCore& core;
  };
  void look_after(WorkerProcess& worker);
  void make_rounds();
  Duration round_period() const;
  void look_at(WorkerProcess& worker);
  bool ask_for_stack(WorkerProcess& worker);
  void report_stall(WorkerProcess& worker);
  void end_hanging(WorkerProcess& worker);
  void replace_for_limit(WorkerProcess& worker);

  // primary_stacks.cpp: where workers are, or were when a fault ended them
  bool heard_stack(WorkerProcess& worker, std::string_view line);
  std::vector<std::string> name_frames(const WorkerProcess& worker, const StackReport& report);

  // primary_messages.cpp: what workers say
  void received(WorkerProcess& worker, Message message);
  void share_with(WorkerProcess& worker, const Message& message);
  void now_listening(WorkerProcess& worker, const std::string& address);
  std::vector<WorkerProcess*> serving();

  // primary_inherit.cpp: from the primary before, and to the next
  struct Rejoining final : Watcher {
    explicit Rejoining(PrimaryCore& owner) : core(owner) {}
    void on_event(std::uint32_t) override { core.hear_hellos(); }
    PrimaryCore& core;
  };
  static std::optional<Inheritance> inherit();
  void prepare_succession();
  void take_over();
  bool adopt_at(std::uint32_t position);
  void adopt(Heirloom heirloom);
  void catch_up(WorkerProcess& worker, const std::vector<std::string>& addresses);
  void adopt_rest();
  void hear_hellos();
  void attach(WorkerProcess& worker, Hello hello);
  void open_channel(WorkerProcess& worker, Fd socket);

  // primary_actions.cpp: what the supervisor says
  void carry_out();
  void tick();
  void scale_by(int change);
  void perform(const action::Start& start);
  void perform(const action::Drain& drain);
  void perform(const action::Kill& kill);
  void perform(const action::OpenPrograms& open);
  void perform(const action::ClosePrograms& close);
  void perform(const action::End& end);
  void perform(const action::ReloadBegun& begun);
  void perform(const action::ReloadFinished& finished);
  void perform(const action::ReloadFailed& failed);
  void perform(const action::RolledBack& rolled_back);
  void perform(const action::RecycleFailed& failed);
  void perform(const action::NoneCouldStart& none);
  template <class Notice>  // what is only to be logged
  void perform(const Notice& notice);
  void reload_failed(std::string reason, std::optional<std::uint32_t> position = {},
                     bool whole = true);

  // primary_pipes.cpp: the program's own messages
  struct Route final : BroadcastRoute {
    explicit Route(PrimaryCore& owner) : core(owner) { Broadcasts::instance().route = this; }
    Route(const Route&) = delete;
    ~Route() { Broadcasts::instance().route = nullptr; }
    Result<void> send(std::string_view name, std::span<const std::byte> value,
                      const std::vector<Fd>& descriptors) override;
    PrimaryCore& core;
  };
  Result<Fd> open_pipe(WorkerProcess& worker);
  void pipe_closed(WorkerProcess& worker, const char* error);
  void relay(const WorkerProcess* from, std::string_view name, std::span<const std::byte> value,
             const std::vector<Fd>& descriptors);
  void introduce(WorkerProcess& worker, const Message& message);
  WorkerProcess* find_sibling(const Introduce& wanted);

  template <class Callbacks, class... Args>
  void tell(const Callbacks& callbacks, Args&&... args);

  PrimaryOptions options_;
  std::unique_ptr<Loop> own_loop_;
  Loop& loop_;
  std::optional<Inheritance> inherited_;  // until all its workers are adopted; its board is taken
  stats::Scoreboard board_;
  Programs programs_;
  OomKills oom_kills_;
  ErrorSink error_sink_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint32_t, Seat> seats_;          // by position
  std::optional<WorkerSettings> fork_settings_;  // of the fork() that runs
  std::map<std::uint64_t, std::unique_ptr<WorkerProcess>> workers_;
  Sockets sockets_;
  Passing passing_{[this] { return serving(); }};
  MessageHandlers<Worker> message_handlers_;
  RequestHandlers<Worker> request_handlers_;
  Route route_{*this};
  Supervisor supervisor_;
  Deadline deadline_;
  std::string last_failure_;    // what a worker that could not start said last
  std::string reload_failure_;  // why it is rolled back
  std::uint32_t failed_position_ = 0;
  std::string successor_end_;            // how the newest that died on probation did
  std::optional<log::Level> log_level_;  // when it was set at run time
  Rounds rounds_{*this};
  bool warned_of_memory_limit_ = false;
  bool running_ = false;
  bool ended_ = false;
  int exit_code_ = 0;
  int stop_signal_ = 0;
  std::vector<std::unique_ptr<SignalWatch>> signals_;
  std::unique_ptr<PrimaryControl> control_;
  Estate estate_;  // empty: our death is the end of the workers
  Rejoining rejoining_{*this};
  std::map<std::uint64_t, Fd> unheard_;  // other ends of channels whose workers did not rejoin yet
  std::map<std::uint64_t, Fd> lives_;    // see orphan_guard.hpp
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // last: it ends first
};

template <class Callbacks, class... Args>
void PrimaryCore::tell(const Callbacks& callbacks, Args&&... args) {
  for (const auto& callback : callbacks) callback(std::forward<Args>(args)...);
}

}  // namespace brigade::cluster::detail
