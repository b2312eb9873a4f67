#include "cluster/primary_core.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/log.hpp>

#include <algorithm>
#include <cerrno>

namespace brigade::cluster::detail {
namespace {

stats::Scoreboard make_board(unsigned max_workers) {
  auto board = stats::Scoreboard::create(std::clamp(max_workers, 1U, stats::kMaxSlots));
  return std::move(board).value();
}

}  // namespace

PrimaryCore::PrimaryCore(PrimaryOptions options)
    : options_(std::move(options)),
      own_loop_(Loop::try_current() ? nullptr : std::make_unique<Loop>()),
      loop_(Loop::current()),
      board_(make_board(options_.max_workers)),
      error_sink_(STDERR_FILENO),
      sockets_(options_.scheduling, board_),
      successor_timeout_(*this),
      random_(std::random_device{}()) {
  // Now: not what is deployed at its path when the first worker is started.
  if (auto own = programs_.get(generation_, {}); !own) throw ErrorException(own.error());
  board_.header().primary.generation.set(generation_);

  // Nobody may end us by not reading what we write.
  struct sigaction pipe {};
  if (::sigaction(SIGPIPE, nullptr, &pipe) == 0 && pipe.sa_handler == SIG_DFL) {
    ::signal(SIGPIPE, SIG_IGN);
  }

  signals_.push_back(std::make_unique<SignalWatch>(SIGCHLD, [this] { note_stopped(); }));
  for (const int signal : {SIGTERM, SIGINT}) {
    signals_.push_back(std::make_unique<SignalWatch>(signal, [this, signal] {
      stop_signal_ = signal;
      shutdown();
    }));
  }
  signals_.push_back(std::make_unique<SignalWatch>(SIGHUP, [this] { reload(); }));
  signals_.push_back(std::make_unique<SignalWatch>(SIGTTIN, [this] { scale_by(1); }));
  signals_.push_back(std::make_unique<SignalWatch>(SIGTTOU, [this] { scale_by(-1); }));
  if (options_.control) control_ = PrimaryControl::open(*this, *options_.control);
}

PrimaryCore::~PrimaryCore() {
  for (auto& [id, worker] : workers_) {
    if (worker->child && !worker->exit) worker->child->send_signal(SIGKILL);
  }
}

Worker* PrimaryCore::fork(const std::map<std::string, std::string>& environment) {
  if (draining_) {
    log::warn("fork() is refused: the cluster is draining");
    return nullptr;
  }
  auto seat = std::make_unique<Seat>(*this, static_cast<std::uint32_t>(seats_.size()));
  seat->settings = options_.settings;
  if (!environment.empty()) {
    std::map<std::string, std::string> merged = environment;
    if (seat->settings.environment) merged.merge(*seat->settings.environment);
    seat->settings.environment = std::move(merged);
  }
  seat->generation = generation_;
  seat->policy = RestartPolicy({options_.first_restart_delay, options_.longest_restart_delay});
  WorkerProcess* worker = start(*seat, generation_, false);
  if (!worker) return nullptr;
  seat->worker = worker;
  seats_.push_back(std::move(seat));
  return &worker->handle();
}

WorkerProcess* PrimaryCore::start(Seat& seat, std::uint64_t generation, bool successor) {
  const std::uint64_t id = next_id_++;
  auto slot = board_.claim_slot(
      {.id = id, .number = seat.number, .generation = generation, .restarts = seat.restarts});
  if (!slot) {
    report(nullptr, Error(EAGAIN, fmt::format("cannot start a worker: {} are there already "
                                              "(max_workers)",
                                              workers_.size())));
    return nullptr;
  }
  const TimePoint began = monotonic_now();
  auto owned = std::make_unique<WorkerProcess>(*this, id, seat.number, generation, *slot);
  WorkerProcess& worker = *owned;
  auto spawned = spawn_worker(seat, worker);
  if (!spawned) {
    report(nullptr,
           Error(spawned.error().code(), "cannot start a worker: " + spawned.error().message()));
    board_.release_slot(*slot);
    return nullptr;
  }
  workers_.emplace(id, std::move(owned));
  worker.pid = spawned->pid;
  worker.started = began;
  worker.successor = successor;
  board_.entry(*slot).pid.set(spawned->pid);
  worker.child = std::make_unique<ChildWatch>(
      std::move(spawned->pidfd), [this, &worker](ExitStatus status) { reaped(worker, status); });
  // From the loop, so that a callback which is set right after fork() hears of it.
  post([this, id] {
    const auto found = workers_.find(id);
    if (found != workers_.end()) tell_fork(*found->second);
  });
  return &worker;
}

// A loop that ends runs what is still posted, and it may end after this object.
void PrimaryCore::post(std::function<void()> function) {
  loop_.post([alive = std::weak_ptr(alive_), function = std::move(function)] {
    if (!alive.expired()) function();
  });
}

void PrimaryCore::refill(Seat& seat) {
  if (draining_ || seat.worker) return;
  ++seat.restarts;
  board_.header().primary.restarts.add();
  seat.worker = start(seat, seat.generation, false);
  // Out of processes, memory or descriptors: that passes, so try again.
  if (!seat.worker) loop_.arm(seat, seat.policy.delay_after_death(Duration(-1), random_()));
}

void PrimaryCore::reaped(WorkerProcess& worker, ExitStatus status) {
  // What it said last counts. Twice a turn's worth is more than the socket holds; a channel that
  // stays open after that is held by a process the worker started.
  worker.channel->receive_pending();
  worker.channel->receive_pending();
  tell_fork(worker);
  if (worker.output) worker.output->read_rest();
  if (worker.errors) worker.errors->read_rest();
  worker.exit = status;
  note_reason(worker, status);
  worker.state = WorkerState::dead;
  if (!worker.voluntary) worker.voluntary = worker.draining || worker.said_goodbye;
  worker.disarm_kill();
  board_.release_slot(worker.slot());
  Seat& seat = *seats_[worker.number()];
  if (seat.worker == &worker) seat.worker = nullptr;
  if (seat.successor == &worker) seat.successor = nullptr;
  tell(on_exit, worker.handle(), status);
  vacated(seat, worker);
  sockets_.died(worker, worker.draining && !worker.replace && !seat.worker);
  passing_.died(worker);
  forget_if_gone(worker);
  finish_if_empty();
}

void PrimaryCore::vacated(Seat& seat, WorkerProcess& worker) {
  if (worker.successor) return successor_died(worker);
  const bool in_reload = plan_.current() == seat.number;
  if (in_reload && worker.draining) return take(plan_.predecessor_gone());
  if (worker.said_goodbye) return;
  // Before anything has listened, all workers tend to fail for one reason: it is said once, at the
  // end.
  const bool said_later = !ever_listened_ && generation_ == 1 && !worker.failure.empty();
  if (!worker.draining && !said_later) {
    log_exit(worker);
  }
  if (first_generation_failed(worker)) return;
  if (!options_.restart || draining_ || !worker.replace || seat.worker) return;
  const Duration listened =
      worker.listening_since ? loop_.read_clock() - *worker.listening_since : Duration(-1);
  const Duration delay = seat.policy.delay_after_death(listened, random_());
  if (delay == Duration(0)) return refill(seat);
  if (!said_later) {
    log::warn("worker position {} is unstable ({} deaths in a row): it starts again in {} ms",
              seat.number, seat.policy.unstable_deaths(),
              std::chrono::duration_cast<std::chrono::milliseconds>(delay).count());
  }
  loop_.arm(seat, delay);
}

// Nothing has ever listened, and now the last of the first workers is dead: trying again will not
// help, and a supervisor above us must hear of it.
bool PrimaryCore::first_generation_failed(const WorkerProcess& worker) {
  seats_[worker.number()]->started_once = true;
  if (ever_listened_ || draining_ || !running_ || generation_ != 1 || !options_.restart)
    return false;
  const bool others_may = std::any_of(seats_.begin(), seats_.end(),
                                      [](const auto& seat) { return !seat->started_once; });
  if (others_may) return false;
  log::error("no worker could start{}", worker.failure.empty() ? "" : ": " + worker.failure);
  exit_code_ = 1;
  kill_all();
  return true;
}

void PrimaryCore::channel_closed(WorkerProcess& worker, const char* error) {
  if (error) kill_for(worker, error);
  // Not from here: the channel is still on the stack.
  const std::uint64_t id = worker.id();
  post([this, id] {
    const auto found = workers_.find(id);
    if (found == workers_.end()) return;
    tell_disconnect(*found->second);
    forget_if_gone(*found->second);
  });
}

void PrimaryCore::kill_for(WorkerProcess& worker, const char* error) {
  if (worker.exit) return;
  report(&worker, Error(EPROTO, fmt::format("worker {} (pid {}) {}: it is replaced", worker.id(),
                                            worker.pid, error)));
  worker.blame(ExitCause::lost_channel, error);
  worker.child->send_signal(SIGKILL);
}

// A fast worker speaks before the loop comes to what was posted: then its first word is the time.
void PrimaryCore::tell_fork(WorkerProcess& worker) {
  if (!std::exchange(worker.fork_told, true)) tell(on_fork, worker.handle());
}

void PrimaryCore::tell_disconnect(WorkerProcess& worker) {
  if (worker.disconnect_told) return;
  worker.messages->read_rest_and_close();  // its messages come before its end
  if (std::exchange(worker.disconnect_told, true)) return;
  if (!worker.voluntary) worker.voluntary = worker.draining || worker.said_goodbye;
  tell(on_disconnect, worker.handle());
}

void PrimaryCore::forget_if_gone(WorkerProcess& worker) {
  if (!worker.exit) return;
  if (!worker.disconnect_told) {
    if (worker.channel->open()) return;
    tell_disconnect(worker);
  }
  const std::uint64_t id = worker.id();
  post([this, id] { workers_.erase(id); });
}

std::vector<Worker*> PrimaryCore::workers() {
  std::vector<Worker*> out;
  for (auto& [id, worker] : workers_) {
    if (!worker->exit) out.push_back(&worker->handle());
  }
  return out;
}

void PrimaryCore::disconnect(WorkerProcess& worker) {
  worker.replace = false;
  drain(worker, options_.drain_quiet / 4);
}

void PrimaryCore::drain(WorkerProcess& worker, Duration quiet) {
  if (worker.exit || std::exchange(worker.draining, true)) return;
  worker.blame(ExitCause::requested);
  worker.state_before_drain = std::exchange(worker.state, WorkerState::draining);
  board_.entry(worker.slot()).set_state(WorkerState::draining);
  const auto ms = [](Duration time) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
  };
  Message message{MessageType::drain, 0, Drain{ms(quiet), ms(options_.drain_deadline)}.encode(),
                  Fd()};
  worker.channel->send(std::move(message));
  sockets_.drains(worker);
  // One that has not come to serve has nothing to finish. Before its program heeds us this ends it.
  if (worker.state_before_drain == WorkerState::starting) worker.child->send_signal(SIGTERM);
  worker.arm_kill(options_.drain_deadline + std::chrono::seconds(1));
}

void PrimaryCore::shutdown() {
  if (draining_) {
    // Not a second thought, but one request that came twice: `timeout` and terminals signal a
    // process and its group.
    constexpr Duration same_request = std::chrono::milliseconds(5);
    if (monotonic_now() - stopping_since_ < same_request) return;
    if (!killed_) log::warn("stopping at once");
    if (stop_signal_ != 0 && exit_code_ == 0) exit_code_ = 128 + stop_signal_;
    return kill_all();
  }
  draining_ = true;
  stopping_since_ = monotonic_now();
  tell(on_stop);
  if (reloading()) reload_failed("the app is stopping");
  plan_.abandon();
  loop_.disarm(successor_timeout_);
  log::info("stopping: {} workers finish what they have", workers().size());
  for (auto& seat : seats_) loop_.disarm(*seat);
  for (auto& [id, worker] : workers_) drain(*worker, options_.drain_quiet / 4);
  finish_if_empty();
}

void PrimaryCore::kill_all() {
  draining_ = true;
  killed_ = true;
  for (auto& seat : seats_) loop_.disarm(*seat);
  for (auto& [id, worker] : workers_) {
    worker->draining = true;
    worker->blame(ExitCause::requested);
    if (!worker->exit) worker->child->send_signal(SIGKILL);
  }
  finish_if_empty();
}

void PrimaryCore::note_stopped() {
  for (auto& [id, worker] : workers_) {
    siginfo_t info{};
    if (worker->exit ||
        ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(worker->child->pidfd().get()),
                 &info, WSTOPPED | WCONTINUED | WNOHANG) != 0) {
      continue;
    }
    if (info.si_pid == 0) continue;
    const bool stopped = info.si_code == CLD_STOPPED;
    board_.entry(worker->slot()).stopped.set(stopped);
    sockets_.stopped(*worker, stopped);
  }
}

void PrimaryCore::finish_if_empty() {
  // None is there and none is to come.
  const bool to_come =
      std::any_of(seats_.begin(), seats_.end(), [](const auto& seat) { return seat->armed(); });
  if (!workers().empty() || to_come) return;
  // What they said last is heard before the end, and that they are gone.
  for (auto& [id, worker] : workers_) tell_disconnect(*worker);
  if (workers().empty()) end(exit_code_);
}

void PrimaryCore::end(int code) {
  exit_code_ = code;
  ended_ = true;
  if (running_) loop_.stop();
}

int PrimaryCore::run() {
  running_ = true;
  if (!ended_) loop_.run();
  running_ = false;
  return exit_code_;
}

}  // namespace brigade::cluster::detail
