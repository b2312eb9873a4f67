// Several processes on one port: a primary that starts, watches and replaces workers.
//
// The shape of Node's cluster module, for those who want the plain pieces; `cluster::run` and
// `brigade::run` put them together. A worker is this same program executed anew, never a bare fork:
// so main() runs in every worker from its beginning, and asks which one it is.
#pragma once

#include <brigade/child.hpp>
#include <brigade/cluster_control.hpp>
#include <brigade/cluster_events.hpp>
#include <brigade/cluster_peer.hpp>
#include <brigade/cluster_restart.hpp>
#include <brigade/cluster_run.hpp>
#include <brigade/cluster_settings.hpp>
#include <brigade/exit_reason.hpp>
#include <brigade/result.hpp>
#include <brigade/stats.hpp>
#include <brigade/time.hpp>
#include <brigade/worker_limits.hpp>

#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace brigade::cluster {

using stats::WorkerState;

/// True in a process that a Primary started as its worker.
bool is_worker();
inline bool is_primary() {
  return !is_worker();
}

/// In a worker: leaves of its own will, as Node's cluster.worker.disconnect(). It tells the
/// primary, stops accepting, finishes what it has; its servers then return. It is not replaced.
/// Anywhere else: the same without a primary to tell. Loop thread only.
void disconnect();

namespace detail {
class PrimaryCore;
class WorkerProcess;
}  // namespace detail

/// The primary's handle on one worker, and what messages to it go through: see Peer. Its messages
/// come before its disconnect callback, maybe after its exit callback. Valid until that worker's
/// exit callback has returned, or its disconnect callback where that comes later. Primary's thread
/// only.
class Worker final : public Peer {
 public:
  /// 1, 2, 3, …; never used again, a replacement has a new one.
  std::uint64_t id() const;
  /// The position it fills, from 0; its replacement fills the same.
  std::uint32_t number() const;
  pid_t pid() const;
  WorkerState state() const;
  /// The channel is open: it can be asked for something.
  bool is_connected() const;
  bool is_dead() const;
  /// Nothing before it has disconnected or exited. Then: whether it left because it was asked to,
  /// or said goodbye first. Exit code 0 alone does not make an exit voluntary.
  std::optional<bool> exited_after_disconnect() const;
  /// Why it ended; null while it lives. An exit callback finds it here.
  const ExitReason* exit_reason() const;

  /// Asks it to drain: stop accepting, finish, exit. It is not replaced.
  void disconnect();
  /// Replaces it by a worker of the same program: that one is started, and when it listens this one
  /// drains. Waits for a reload that runs. False when it goes already, or
  /// is itself a successor that does not listen yet. `reason` is for the log.
  bool recycle(const std::string& reason = "it was asked for");
  /// Says that a worker which a reload has started is no good, whatever it says itself: everything
  /// goes back to the old program. For checks of your own, in on_listening or within the probation.
  /// False when it is not on probation.
  bool reject(const std::string& reason);
  /// Sends a signal at once. False when it is dead. The death counts as involuntary.
  bool kill(int signal = SIGTERM);

 private:
  friend class detail::WorkerProcess;
  explicit Worker(detail::WorkerProcess& process) : process_(process) {}
  detail::WorkerProcess& process_;
};

struct PrimaryOptions {
  // Behaviour.
  WorkerLimits limits = {};
  /// How the workers' processes are started; Primary::configure() changes it later.
  WorkerSettings settings = {};
  /// How connections reach the workers. Sockets of one worker's own (Place::exclusive) aside.
  Scheduling scheduling = Scheduling::balanced;
  /// How many workers this primary may ever hold at once, successors during a reload included.
  unsigned max_workers = 128;
  /// Replace workers that die. Off: Node's behaviour, it is the exit callback's business.
  bool restart = true;
  /// When, and when not any more.
  RestartOptions restarts = {};
  /// A successor, or a worker that replaces one which has listened, is killed when it does not
  /// listen in this time.
  Duration listen_timeout = std::chrono::seconds(30);
  /// A reload's new worker must live so long after it listens; if not, all positions go back to the
  /// old program. The first one is watched alone, with its predecessor still serving beside it. 0:
  /// to listen is proof enough.
  Duration probation = std::chrono::seconds(3);
  /// How many positions a reload, or replacements, may have in change at once: so many more
  /// processes there may be for a while.
  unsigned surge = 1;
  /// Draining workers are killed after this time.
  Duration drain_deadline = std::chrono::seconds(30);
  /// How long a draining worker leaves an idle connection open, in case a request is on its way. It
  /// answers that one with `Connection: close`. At a stop it is a quarter of it.
  Duration drain_quiet = std::chrono::seconds(1);
  /// What the workers do when this process dies; see PrimaryDeath. Workers with a user or group of
  /// their own always drain, and so do all when this process is PID 1.
  PrimaryDeath on_primary_death = PrimaryDeath::drain;
  /// So long do workers wait for a new primary before they drain after all.
  Duration successor_timeout = std::chrono::seconds(30);
  /// What all buffers of cluster::shared_buffer may have together, by their maximum sizes. A worker
  /// that asks for more is refused.
  std::size_t max_shared_bytes = std::size_t{1} << 30;
  /// Set: the primary can be asked and told things by `ctl`, as with cluster::run.
  std::optional<ControlSocket> control = {};
};

/// Supervises workers. Makes a loop for its thread unless there is one. One per process.
class Primary {
 public:
  explicit Primary(PrimaryOptions options = {});
  Primary(const Primary&) = delete;
  Primary& operator=(const Primary&) = delete;
  /// Kills what is left.
  ~Primary();

  /// Changes the settings that are set in `patch`, for workers of later fork()s. A worker that
  /// replaces another has the settings of that one's fork().
  void configure(const WorkerSettings& patch);
  const WorkerSettings& settings() const;
  /// Told once for each configure(), from the loop, with the settings as that call left them.
  void on_setup(std::function<void(const WorkerSettings&)> callback);

  /// Starts a worker at the next free position, with `environment` laid over that of the settings.
  /// Null while the primary drains, when max_workers are there, or when the settings are no good:
  /// on_error then says why.
  Worker* fork(const std::map<std::string, std::string>& environment = {});

  // Order: fork, online, listening (once per socket), then disconnect and exit in either order.
  // `fork` comes from the loop, so that a callback set right after fork() sees it. Several
  // callbacks of one kind are called in the order they were added.
  using WorkerCallback = std::function<void(Worker&)>;
  void on_fork(WorkerCallback callback);
  /// Its program is about to run; it serves nothing yet.
  void on_online(WorkerCallback callback);
  void on_listening(std::function<void(Worker&, const std::string& address)> callback);
  void on_disconnect(WorkerCallback callback);
  void on_exit(std::function<void(Worker&, ExitStatus)> callback);
  /// A line, without its end, that a worker wrote; see Output. All lines come before its exit. One
  /// of more than 8 KiB comes in pieces.
  void on_output(std::function<void(Worker&, OutputStream, std::string_view line)> callback);
  /// What went wrong with a worker, or, with a null one, with starting one. It is a line in the log
  /// already.
  void on_error(std::function<void(Worker*, const Error&)> callback);

  /// Calls `handler(worker, message)` for each message of a worker that has no handler of its own
  /// (Worker::on_message), on this loop. See Peer for both.
  template <class Function>
  void on_message(Function handler) {
    set_message_handlers(detail::message_handlers<Worker>(std::move(handler)));
  }
  /// The same for requests: the handler returns the answer, or a Task of it.
  template <class Function>
  void on_request(Function handler) {
    set_request_handlers(detail::request_handlers<Worker>(std::move(handler)));
  }

  /// The events above, from now on, for a task to wait for.
  EventStream events();

  /// Living workers, by id.
  std::vector<Worker*> workers() const;

  /// The last exits of the worker at a position, at most 8, the newest last.
  std::vector<PastExit> exits(std::uint32_t number) const;

  /// Replaces the workers, from the program now at this one's path: all of them or, when a new one
  /// fails, none. While one runs, another follows it, however often it is asked for. The Error says
  /// that the cluster drains.
  Result<void> reload();
  /// Changes the number of workers. More: at new positions. Fewer: those at the highest positions
  /// drain; nobody is reset. Positions that were given up are tried again. The Error says why not:
  /// the cluster drains, 0, or more than max_workers less one.
  Result<void> scale(unsigned count);
  /// Drains all workers; run() then returns 0. A second call kills them instead.
  void shutdown();

  /// Supervises until all workers are gone. SIGTERM and SIGINT mean shutdown(), SIGHUP reload(),
  /// SIGTTIN and SIGTTOU one worker more and one less.
  /// Returns the process's exit code: 0 after a drain, 1 when the first workers could not start,
  /// 128 + signal when a second signal cut the drain short.
  int run();

 private:
  void set_message_handlers(detail::MessageHandlers<Worker> handlers);
  void set_request_handlers(detail::RequestHandlers<Worker> handlers);

  std::unique_ptr<detail::PrimaryCore> core_;
};

}  // namespace brigade::cluster
