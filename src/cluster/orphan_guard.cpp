#include "cluster/orphan_guard.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace brigade::cluster::detail {
namespace {

timer_t kill_timer;
itimerspec kill_after;
bool guarded = false;

Fd& life_of_primary() {
  static auto* const read_end = new Fd;
  return *read_end;
}

void on_orphaned(int) {
  const int saved = errno;
  ::timer_settime(kill_timer, 0, &kill_after, nullptr);  // async-signal-safe
  errno = saved;
}

}  // namespace

int orphan_signal() {
  return SIGRTMAX - 2;
}

void guard_orphan(Duration deadline, std::optional<Duration> patience) {
  static Duration waits{};
  if (patience) waits = *patience;
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(waits + deadline);
  kill_after.it_value.tv_sec = whole.count() + 1;
  if (guarded) return;
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  if (::timer_create(CLOCK_MONOTONIC, &event, &kill_timer) != 0)
    return;  // then the default ends it
  guarded = true;
  struct sigaction action {};
  action.sa_handler = &on_orphaned;
  action.sa_flags = SA_RESTART;
  ::sigfillset(&action.sa_mask);
  ::sigaction(orphan_signal(), &action, nullptr);
}

void start_orphan_timer() {
  if (guarded) ::timer_settime(kill_timer, 0, &kill_after, nullptr);
}

void stop_orphan_timer() {
  const itimerspec never{};
  if (guarded) ::timer_settime(kill_timer, 0, &never, nullptr);
}

Fd tie_to_primary() {
  life_of_primary().reset();
  std::array<int, 2> ends{};
  if (!guarded || ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return Fd();
  life_of_primary() = Fd(ends[0]);
  Fd theirs(ends[1]);
  ::fcntl(ends[0], F_SETSIG, orphan_signal());
  ::fcntl(ends[0], F_SETOWN, ::getpid());
  ::fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
  return theirs;
}

}  // namespace brigade::cluster::detail
