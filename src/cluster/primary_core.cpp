#include "cluster/primary_core.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/log.hpp>

#include <algorithm>
#include <cerrno>
#include <random>

namespace brigade::cluster::detail {
namespace {

stats::Scoreboard make_board(unsigned max_workers) {
  auto board = stats::Scoreboard::create(std::clamp(max_workers, 1U, stats::kMaxSlots));
  return std::move(board).value();
}

SupervisorOptions supervisor_options(const PrimaryOptions& options, unsigned max_workers,
                                     std::uint64_t generation) {
  return {.restart = options.restart,
          .restarts = options.restarts,
          .listen_timeout = options.listen_timeout,
          .drain_deadline = options.drain_deadline,
          .probation = options.probation,
          .surge = options.surge,
          .max_workers = max_workers,
          .generation = generation};
}

}  // namespace

PrimaryCore::PrimaryCore(PrimaryOptions options)
    : options_(std::move(options)),
      own_loop_(Loop::try_current() ? nullptr : std::make_unique<Loop>()),
      loop_(Loop::current()),
      inherited_(inherit()),
      board_(inherited_ ? std::move(inherited_->board) : make_board(options_.max_workers)),
      programs_(inherited_ ? board_.header().primary.generation.get() : 1),
      error_sink_(STDERR_FILENO),
      sockets_(options_.scheduling, board_),
      supervisor_(supervisor_options(options_, board_.slots(), programs_.running()),
                  std::random_device{}()),
      deadline_(*this) {
  if (inherited_) take_over();
  // Now: not what is deployed at its path when the first worker is started.
  const std::uint64_t generation = supervisor_.generation();
  if (auto own = programs_.get(generation, {}); !own) throw ErrorException(own.error());
  board_.header().primary.generation.set(generation);

  // Nobody may end us by not reading what we write.
  struct sigaction pipe {};
  if (::sigaction(SIGPIPE, nullptr, &pipe) == 0 && pipe.sa_handler == SIG_DFL) {
    ::signal(SIGPIPE, SIG_IGN);
  }

  prepare_succession();
  signals_.push_back(std::make_unique<SignalWatch>(SIGCHLD, [this] { note_stopped(); }));
  for (const int signal : {SIGTERM, SIGINT}) {
    signals_.push_back(std::make_unique<SignalWatch>(signal, [this, signal] {
      stop_signal_ = signal;
      shutdown();
    }));
  }
  signals_.push_back(
      std::make_unique<SignalWatch>(SIGHUP, [this] { static_cast<void>(reload()); }));
  signals_.push_back(std::make_unique<SignalWatch>(SIGTTIN, [this] { scale_by(1); }));
  signals_.push_back(std::make_unique<SignalWatch>(SIGTTOU, [this] { scale_by(-1); }));
  if (options_.control) control_ = PrimaryControl::open(*this, *options_.control);
}

PrimaryCore::~PrimaryCore() {
  if (estate_) loop_.unwatch(estate_.rejoin_read.get(), rejoining_);
  for (auto& [id, worker] : workers_) {
    if (worker->child && !worker->exit) worker->child->send_signal(SIGKILL);
  }
}

Worker* PrimaryCore::fork(const std::map<std::string, std::string>& environment) {
  fork_settings_ = options_.settings;
  if (!environment.empty()) {
    std::map<std::string, std::string> merged = environment;
    if (fork_settings_->environment) merged.merge(*fork_settings_->environment);
    fork_settings_->environment = std::move(merged);
  }
  const auto number = supervisor_.add();
  if (!number) {
    fork_settings_.reset();
    log::warn("fork() is refused: the cluster is draining");
    return nullptr;
  }
  carry_out();
  fork_settings_.reset();
  const std::uint64_t id = supervisor_.positions()[*number].worker;
  if (const auto found = workers_.find(id); found != workers_.end()) {
    return &found->second->handle();
  }
  supervisor_.remove(*number, true, loop_.read_clock());  // a fork() that failed leaves nothing
  carry_out();
  return nullptr;
}

WorkerProcess* PrimaryCore::start(const action::Start& start) {
  const Position& position = supervisor_.positions()[start.position];
  const std::uint64_t id = next_id_++;
  auto slot = board_.claim_slot({.id = id,
                                 .number = start.position,
                                 .generation = start.generation,
                                 .restarts = position.restarts});
  if (!slot) {
    report(nullptr, Error(EAGAIN, fmt::format("cannot start a worker: {} are there already "
                                              "(max_workers)",
                                              workers_.size())));
    return nullptr;
  }
  const TimePoint began = loop_.read_clock();
  auto owned = std::make_unique<WorkerProcess>(*this, id, start.position, start.generation, *slot);
  WorkerProcess& worker = *owned;
  auto spawned = spawn_worker(seats_[start.position].settings, worker);
  if (!spawned) {
    report(nullptr,
           Error(spawned.error().code(), "cannot start a worker: " + spawned.error().message()));
    board_.release_slot(*slot);
    return nullptr;
  }
  workers_.emplace(id, std::move(owned));
  worker.pid = spawned->pid;
  worker.started = began;
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

void PrimaryCore::reaped(WorkerProcess& worker, ExitStatus status) {
  unheard_.erase(worker.id());
  lives_.erase(worker.id());
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
  board_.release_slot(worker.slot());
  log_death(worker);
  tell(on_exit, worker.handle(), status);
  supervisor_.died(worker.id(), status, loop_.read_clock());
  const bool wanted = supervisor_.positions()[worker.number()].wanted;
  sockets_.died(worker, (worker.draining || worker.said_goodbye) && !wanted);
  passing_.died(worker);
  forget_if_gone(worker);
  carry_out();
}

void PrimaryCore::log_death(WorkerProcess& worker) {
  last_failure_ = worker.failure;
  const Member* member = supervisor_.find(worker.id());
  if (!member || member->leaving) return;
  successor_end_ = worker.reason.text() + (worker.listening_since   ? " on probation"
                                           : worker.failure.empty() ? " before it listened"
                                                                    : "");
  if (supervisor_.positions()[member->position].successor == worker.id()) {
    log::error("new worker {} (pid {}) {}", worker.id(), worker.pid, successor_end_);
    return;
  }
  // Before anything has listened, all workers tend to fail for one reason: it is said once, at the
  // end.
  if (!supervisor_.ever_listened() && worker.generation() == 1 && !worker.failure.empty()) return;
  log_exit(worker);
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
  supervisor_.disconnect(worker.id(), loop_.read_clock());
  carry_out();
}

bool PrimaryCore::recycle(WorkerProcess& worker, const std::string& reason) {
  if (!supervisor_.recycle(worker.id(), loop_.read_clock())) return false;
  log::info("worker {} (pid {}) is to be replaced: {}", worker.id(), worker.pid, reason);
  carry_out();
  return true;
}

bool PrimaryCore::reject(WorkerProcess& worker, const std::string& reason) {
  if (!supervisor_.reject(worker.id(), loop_.read_clock())) return false;
  log::error("new worker {} (pid {}) is rejected: {}", worker.id(), worker.pid, reason);
  carry_out();
  return true;
}

Result<void> PrimaryCore::scale(unsigned count) {
  auto scaled = supervisor_.scale(count, loop_.read_clock());
  carry_out();
  return scaled;
}

Result<void> PrimaryCore::reload() {
  auto asked = supervisor_.reload(loop_.read_clock());
  carry_out();
  return asked;
}

void PrimaryCore::drain(WorkerProcess& worker, Duration quiet) {
  if (worker.exit || std::exchange(worker.draining, true)) return;
  worker.blame(worker.replaced_for.value_or(ExitCause::requested), worker.replaced_detail);
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
}

void PrimaryCore::shutdown() {
  if (!supervisor_.stopping()) {
    tell(on_stop);
    if (reloading()) reload_failed("the app is stopping");
    log::info("stopping: {} workers finish what they have", workers().size());
  }
  const bool killing = supervisor_.killing();
  supervisor_.stop(stop_signal_, loop_.read_clock());
  if (supervisor_.killing() && !killing) log::warn("stopping at once");
  carry_out();
}

void PrimaryCore::kill_all() {
  supervisor_.kill_all();
  carry_out();
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
    look_after(*worker);
  }
}

int PrimaryCore::run() {
  running_ = true;
  supervisor_.set_running(true);
  adopt_rest();
  if (!ended_) loop_.run();
  supervisor_.set_running(false);
  running_ = false;
  return exit_code_;
}

}  // namespace brigade::cluster::detail
