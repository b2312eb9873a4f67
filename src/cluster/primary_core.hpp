// The inside of cluster::Primary.
//
// Invariants: a position (Seat) has at most one worker that serves and one successor; a worker's
// slot on the scoreboard is released exactly once, after it was reaped; a socket stays open until
// the program closes it in every worker, so an accept queue never dies with a worker.
#pragma once

#include <brigade/cluster.hpp>
#include <brigade/signal.hpp>

#include <deque>
#include <map>
#include <memory>
#include <random>

#include "cluster/broadcasts.hpp"
#include "cluster/error_sink.hpp"
#include "cluster/oom_kills.hpp"
#include "cluster/passing.hpp"
#include "cluster/primary_control.hpp"
#include "cluster/programs.hpp"
#include "cluster/reload_news.hpp"
#include "cluster/reload_plan.hpp"
#include "cluster/restart_policy.hpp"
#include "cluster/sockets.hpp"
#include "cluster/spawn.hpp"
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
  void reload();
  void shutdown();
  int run();
  std::vector<Worker*> workers();
  void disconnect(WorkerProcess& worker);
  /// Starts a successor at its position and drains it when that listens; when a reload or another
  /// replacement runs, after that. False when it is on its way out already, or is a successor
  /// itself.
  bool recycle(WorkerProcess& worker, const std::string& reason);
  /// As Primary::scale(); takes effect after a reload that runs.
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
  bool draining() const { return draining_; }
  bool reloading() const { return plan_.running() && !recycling_; }
  /// The one that serves there, or null.
  WorkerProcess* worker_at(std::uint32_t position);
  /// Of this process, its workers and those to come.
  void set_log_level(log::Level level);
  /// Whatever they have.
  void kill_all();

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

 private:
  // Restarts a position later.
  struct Seat final : Timer {
    Seat(PrimaryCore& owner, std::uint32_t n) : core(owner), number(n) {}
    void on_timer() override { core.refill(*this); }
    PrimaryCore& core;
    std::uint32_t number;
    WorkerSettings settings;  // as they were at its fork()
    RestartPolicy policy;
    std::uint64_t restarts = 0;
    std::uint64_t generation = 0;
    WorkerProcess* worker = nullptr;
    WorkerProcess* successor = nullptr;
    std::deque<PastExit> exits;  // the newest last
    bool started_once = false;   // its first worker has listened or died
  };
  struct SuccessorTimeout final : Timer {
    explicit SuccessorTimeout(PrimaryCore& owner) : core(owner) {}
    void on_timer() override { core.successor_timed_out(); }
    PrimaryCore& core;
  };

  // primary_core.cpp: lives
  WorkerProcess* start(Seat& seat, std::uint64_t generation, bool successor);
  void post(std::function<void()> function);
  void refill(Seat& seat);
  void reaped(WorkerProcess& worker, ExitStatus status);
  void channel_closed(WorkerProcess& worker, const char* error);
  void tell_fork(WorkerProcess& worker);
  void tell_disconnect(WorkerProcess& worker);
  void forget_if_gone(WorkerProcess& worker);
  void vacated(Seat& seat, WorkerProcess& worker);
  bool first_generation_failed(const WorkerProcess& worker);
  void drain(WorkerProcess& worker, Duration quiet);
  void note_stopped();
  void end(int code);
  void finish_if_empty();

  // primary_settings.cpp: how processes are started
  struct Outputs {
    Fd out, error;  // the worker's ends; empty: it has the primary's
  };
  Result<Spawned> spawn_worker(const Seat& seat, WorkerProcess& worker);
  Result<Outputs> open_outputs(const WorkerSettings& settings, WorkerProcess& worker);
  Result<void> open_programs(std::uint64_t generation);
  void report(WorkerProcess* worker, const Error& error);

  // primary_exits.cpp: why workers end
  void note_reason(WorkerProcess& worker, ExitStatus status);
  void log_exit(const WorkerProcess& worker);

  // primary_stacks.cpp: where workers are, or were when a fault ended them
  bool heard_stack(WorkerProcess& worker, std::string_view line);
  std::vector<std::string> name_frames(const WorkerProcess& worker, const StackReport& report);

  // primary_messages.cpp: what workers say
  void received(WorkerProcess& worker, Message message);
  void share_with(WorkerProcess& worker, const Message& message);
  void now_listening(WorkerProcess& worker, const std::string& address);
  std::vector<WorkerProcess*> serving();

  // primary_scale.cpp
  static bool is_filled(const Seat& seat);
  void scale_by(int change);
  void next_change();
  void apply_scale(unsigned count);
  void vacate(Seat& seat);

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

  // primary_reload.cpp
  void take(ReloadPlan::Step step);
  void successor_timed_out();
  void successor_died(const WorkerProcess& worker);
  bool open_new_generation();
  void reload_failed(std::string reason, std::optional<std::uint32_t> position = {});

  template <class Callbacks, class... Args>
  void tell(const Callbacks& callbacks, Args&&... args);

  PrimaryOptions options_;
  std::unique_ptr<Loop> own_loop_;
  Loop& loop_;
  stats::Scoreboard board_;
  Programs programs_;
  OomKills oom_kills_;
  ErrorSink error_sink_;
  std::uint64_t generation_ = 1;
  std::uint64_t next_id_ = 1;
  std::deque<std::unique_ptr<Seat>> seats_;
  std::map<std::uint64_t, std::unique_ptr<WorkerProcess>> workers_;
  Sockets sockets_;
  Passing passing_{[this] { return serving(); }};
  MessageHandlers<Worker> message_handlers_;
  RequestHandlers<Worker> request_handlers_;
  Route route_{*this};
  ReloadPlan plan_;
  bool recycling_ = false;              // the plan replaces one worker, by its own program
  std::deque<std::uint64_t> recycles_;  // ids of workers to be replaced when the plan has ended
  std::optional<unsigned> scale_to_;    // likewise
  std::string reload_failure_;           // how the newest successor failed
  std::optional<log::Level> log_level_;  // when it was set at run time
  SuccessorTimeout successor_timeout_;
  std::mt19937_64 random_;
  bool ever_listened_ = false;
  bool draining_ = false;
  bool killed_ = false;
  bool running_ = false;
  bool ended_ = false;
  int exit_code_ = 0;
  int stop_signal_ = 0;
  TimePoint stopping_since_{};
  std::vector<std::unique_ptr<SignalWatch>> signals_;
  std::unique_ptr<PrimaryControl> control_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // last: it ends first
};

template <class Callbacks, class... Args>
void PrimaryCore::tell(const Callbacks& callbacks, Args&&... args) {
  for (const auto& callback : callbacks) callback(std::forward<Args>(args)...);
}

}  // namespace brigade::cluster::detail
