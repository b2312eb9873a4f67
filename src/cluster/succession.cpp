#include "cluster/succession.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <brigade/log.hpp>

#include <cerrno>
#include <csignal>

#include "cluster/own_slot.hpp"
#include "cluster/spawn.hpp"

namespace brigade::cluster::detail {
namespace {
constexpr Duration look_every = std::chrono::milliseconds(20);
}

Result<std::unique_ptr<Succession>> Succession::make(Estate estate, Callbacks callbacks) {
  auto will = Will::read(estate.will);
  if (!will) return will.error();
  return std::unique_ptr<Succession>(
      new Succession(std::move(estate), std::move(*will), std::move(callbacks)));
}

Succession::Succession(Estate estate, Will will, Callbacks callbacks)
    : estate_(std::move(estate)),
      will_(std::move(will)),
      callbacks_(std::move(callbacks)),
      loop_(Loop::current()),
      election_({.patience = will_.patience}) {}

Succession::~Succession() {
  loop_.disarm(*this);
}

void Succession::primary_lost(Hello hello) {
  unsent_ = std::move(hello);
  election_.primary_lost(monotonic_now());
  look();
}

void Succession::primary_reigns() {
  election_.primary_reigns(monotonic_now());
  stop();
}

void Succession::stop() {
  loop_.disarm(*this);
  unsent_.reset();
  step_down();
}

void Succession::look() {
  send();
  const Election::Step step = election_.step(monotonic_now());
  if (step == Election::Step::leave) {
    if (heir_) heir_->send_signal(SIGKILL);  // it has had its time
    stop();
    return callbacks_.give_up();
  }
  // Whoever was elected stays so until the primary that it started reigns, or has ended.
  if (elected_ && is_locked(estate_.will, Lock::reign)) step_down();
  if (!elected_ && step == Election::Step::stand && callbacks_.may_stand()) stand();
  if (step != Election::Step::none) loop_.arm(*this, look_every);
}

// The queue may be full, of descriptors or of bytes, until a primary reads it.
void Succession::send() {
  if (unsent_ && send_hello(estate_.rejoin_write, *unsent_)) unsent_.reset();
}

void Succession::stand() {
  if (!try_lock(estate_.will, Lock::election)) return;
  elected_ = true;
  // Another was faster, and its primary has yet to come to us.
  if (is_locked(estate_.will, Lock::reign)) return step_down();
  start_heir();
}

void Succession::start_heir() {
  const Fd program(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  SpawnRequest request{
      .binary = program.get(),
      .arguments = will_.arguments,
      .environment = will_.environment,
      .descriptors = {{own_slot().board.fd().get(), board_fd},
                      {estate_.rejoin_read.get(), rejoin_read_fd},
                      {estate_.rejoin_write.get(), rejoin_write_fd},
                      {estate_.will.get(), will_fd}},
      .directory = will_.directory,
      .cpus = will_.cpus,
      .as_sibling = true,
  };
  request.environment.push_back(fmt::format("{}={}", role_variable, heir_role));
  auto spawned = program ? spawn(request) : Error::from_errno(errno, "/proc/self/exe");
  if (!spawned) {
    log::error("cannot start a new primary: {}", spawned.error().message());
    election_.attempt_failed(monotonic_now());
    return step_down();
  }
  log::info("this worker has started a new primary (pid {})", spawned->pid);
  heir_ = std::make_unique<ChildWatch>(std::move(spawned->pidfd),
                                       [this](ExitStatus status) { heir_ended(status); });
}

void Succession::heir_ended(ExitStatus status) {
  if (is_locked(estate_.will, Lock::reign)) return step_down();  // it left that to another
  log::error("the new primary {} before it took over", status.text());
  election_.attempt_failed(monotonic_now());
  step_down();
}

void Succession::step_down() {
  if (!std::exchange(elected_, false)) return;
  heir_.reset();
  unlock(estate_.will, Lock::election);
}

}  // namespace brigade::cluster::detail
