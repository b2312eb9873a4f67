// Taking over the workers of a primary that died, and making sure that ours can be taken over.
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <brigade/log.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "cluster/primary_core.hpp"
#include "cluster/shared_names.hpp"
#include "cluster/will.hpp"

namespace brigade::cluster::detail {
namespace {

void take_buffer(Hello::Buffer buffer) {
  const auto taken = SharedNames::instance().inherit(buffer.wanted, std::move(buffer.fd));
  if (!taken) {
    log::error("shared memory \"{}\" is lost: {}", buffer.wanted.name, taken.error().message());
  }
}

// It has the socket of a worker, so it is or was one; its slot is another's by now.
void kill_unknown(const ReceivedHello& received) {
  const Hello& hello = received.hello;
  const Fd pidfd =
      open_worker(received.pid, hello.id, hello.number, hello.slot, Fd(), &hello.channel);
  if (!pidfd) return;  // it is gone
  log::warn("worker {} (pid {}) is not known to this primary: it is killed", hello.id,
            received.pid);
  ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
}

bool leaves(const Heirloom& worker) {
  return worker.state == WorkerState::draining || (worker.hello && worker.hello->goodbye);
}

}  // namespace

std::optional<Inheritance> PrimaryCore::inherit() {
  Role& own = role();
  if (!std::exchange(own.heir, false)) return std::nullopt;
  auto claimed = Inheritance::claim(own);
  if (claimed) return std::move(*claimed);
  const bool late = claimed.error().code() == EALREADY;
  if (!late) log::error("cannot take over the workers: {}", claimed.error().message());
  // Not a fresh start: the workers that live hold the port.
  ::_exit(late ? 0 : 1);
}

void PrimaryCore::take_over() {
  next_id_ = board_.header().primary.last_id.get() + 1;
  board_.take_over();
  for (Heirloom& each : inherited_->workers) {
    if (!each.hello) continue;
    // Now, so that the program finds them before its fork()s.
    for (auto& buffer : each.hello->buffers) take_buffer(std::move(buffer));
    each.hello->buffers.clear();
  }
}

void PrimaryCore::prepare_succession() {
  if (inherited_) {
    estate_ = std::move(role().estate);
  } else if (options_.on_primary_death == PrimaryDeath::replace && ::getpid() != 1 &&
             options_.scheduling != Scheduling::reuse_port) {
    auto ends = Channel::make_pair();
    auto will = Will::of_this_process(options_.successor_timeout).seal();
    if (!ends || !will) {
      const Error& error = ends ? will.error() : ends.error();
      report(nullptr, Error(error.code(),
                            "the death of this primary will be the end of its "
                            "workers: " +
                                error.message()));
      return;
    }
    estate_ = {std::move(ends->first), std::move(ends->second), std::move(*will)};
    try_lock(estate_.will, Lock::reign);
  }
  if (estate_ && !loop_.watch(estate_.rejoin_read.get(), EPOLLIN, rejoining_)) {
    throw ErrorException(Error::from_errno(errno, "watch for workers that rejoin"));
  }
}

// The living worker of a position that the program has asked for.
bool PrimaryCore::adopt_at(std::uint32_t position) {
  if (!inherited_) return false;
  auto& living = inherited_->workers;
  const auto found = std::find_if(living.begin(), living.end(), [&](const Heirloom& each) {
    return each.number == position && !leaves(each);
  });
  if (found == living.end()) return false;
  Heirloom heirloom = std::move(*found);
  living.erase(found);
  adopt(std::move(heirloom));
  return true;
}

void PrimaryCore::adopt(Heirloom heirloom) {
  auto owned = std::make_unique<WorkerProcess>(*this, heirloom.id, heirloom.number,
                                               heirloom.generation, heirloom.slot);
  WorkerProcess& worker = *owned;
  workers_.emplace(heirloom.id, std::move(owned));
  ended_ = false;
  worker.pid = heirloom.pid;
  worker.started = loop_.read_clock();
  worker.state = worker.state_before_drain = heirloom.state;
  if (heirloom.state == WorkerState::listening) worker.listening_since = worker.started;
  worker.draining = leaves(heirloom);
  worker.child = std::make_unique<ChildWatch>(
      std::move(heirloom.pidfd), [this, &worker](ExitStatus status) { reaped(worker, status); });
  // What it is told waits for it to notice that there is a new primary; nothing is told to one that
  // never does.
  auto ends = Channel::make_pair();
  if (!ends) throw ErrorException(ends.error());
  open_channel(worker, std::move(ends->first));
  unheard_[worker.id()] = std::move(ends->second);
  // The program's messages went with the primary that died: one whose other end is closed says so.
  if (const auto closed = open_pipe(worker); !closed) throw ErrorException(closed.error());
  worker.cgroup_file = OomKills::file_of(worker.pid);
  oom_kills_.watch(worker.cgroup_file);
  look_after(worker);
  const bool answers = heirloom.hello.has_value();
  supervisor_.adopt({.worker = heirloom.id,
                     .position = heirloom.number,
                     .generation = heirloom.generation,
                     .restarts = heirloom.restarts,
                     .listens = heirloom.state == WorkerState::listening,
                     .leaving = worker.draining,
                     .answers = answers},
                    worker.started);
  std::vector<std::string> addresses;
  if (answers) {
    addresses = heirloom.hello->listening;
    attach(worker, std::move(*heirloom.hello));
  } else if (!worker.draining) {
    log::warn("worker {} (pid {}) has not answered the new primary yet", worker.id(), worker.pid);
  }
  post([this, id = worker.id(), answers, addresses] {
    const auto found = workers_.find(id);
    if (found == workers_.end()) return;
    tell_fork(*found->second);
    if (found->second->state != WorkerState::starting) tell(on_online, found->second->handle());
    if (answers) catch_up(*found->second, addresses);
  });
}

// What it told the primary before may never have been read.
void PrimaryCore::catch_up(WorkerProcess& worker, const std::vector<std::string>& addresses) {
  received(worker, {MessageType::online, 0, {}, Fd()});
  for (const std::string& address : addresses) now_listening(worker, address);
}

// After the program's own fork()s: workers beyond those (somebody had scaled), and second ones at a
// position, one of which was to replace the other.
void PrimaryCore::adopt_rest() {
  if (!inherited_) return;
  // Not before: from now on we answer signals, and whoever reads this may send one.
  log::warn("primary (pid {}) has taken over from one that died: {} workers", ::getpid(),
            inherited_->count);
  auto rest = std::exchange(inherited_->workers, {});
  inherited_.reset();
  for (Heirloom& heirloom : rest) {
    const std::uint32_t position = heirloom.number;
    if (!seats_.contains(position)) seats_[position].settings = options_.settings;
    adopt(std::move(heirloom));
  }
  carry_out();
}

void PrimaryCore::hear_hellos() {
  while (auto received = receive_hello(estate_.rejoin_read)) {
    const auto found = workers_.find(received->hello.id);
    if (found == workers_.end() || found->second->pid != received->pid) {
      kill_unknown(*received);
      continue;
    }
    WorkerProcess& worker = *found->second;
    if (worker.exit || is_hung_up(received->hello.channel)) continue;
    const std::vector<std::string> addresses = received->hello.listening;
    log::info("worker {} (pid {}) has joined this primary", worker.id(), worker.pid);
    attach(worker, std::move(received->hello));
    catch_up(worker, addresses);
  }
  carry_out();
}

void PrimaryCore::open_channel(WorkerProcess& worker, Fd socket) {
  worker.channel = std::make_unique<Channel>(
      std::move(socket),
      Channel::Callbacks{[this, &worker](Message message) { received(worker, std::move(message)); },
                         [this, &worker](const char* error) { channel_closed(worker, error); }});
}

void PrimaryCore::attach(WorkerProcess& worker, Hello hello) {
  for (auto& buffer : hello.buffers) take_buffer(std::move(buffer));
  lives_[worker.id()] = std::move(hello.life);
  open_channel(worker, std::move(hello.channel));
  unheard_.erase(worker.id());
  supervisor_.answered(worker.id());
  if (hello.goodbye) {
    worker.said_goodbye = true;
    worker.blame(ExitCause::requested);
    supervisor_.said_goodbye(worker.id(), loop_.read_clock());
  }
  worker.channel->send({MessageType::welcome, 0, {}, Fd()});
  for (auto& socket : hello.sockets) sockets_.inherit(worker, std::move(socket));
  if (!worker.draining) return;
  worker.draining = false;  // what it was told it did not hear
  worker.state = worker.state_before_drain;
  drain(worker, options_.drain_quiet / 4);
}

}  // namespace brigade::cluster::detail
