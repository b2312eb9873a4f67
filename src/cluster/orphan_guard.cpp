#include "cluster/orphan_guard.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>

namespace brigade::cluster::detail {
namespace {

timer_t kill_timer;
itimerspec kill_after;
bool guarded = false;

void on_orphaned(int) {
  const int saved = errno;
  ::timer_settime(kill_timer, 0, &kill_after, nullptr);  // async-signal-safe
  errno = saved;
}

}  // namespace

int orphan_signal() {
  return SIGRTMAX - 2;
}

void guard_orphan(Duration deadline) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(deadline);
  kill_after.it_value.tv_sec = whole.count() + 1;
  if (guarded) return;
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  if (::timer_create(CLOCK_MONOTONIC, &event, &kill_timer) != 0)
    return;  // then the default ends it
  guarded = true;
  struct sigaction action{};
  action.sa_handler = &on_orphaned;
  action.sa_flags = SA_RESTART;
  ::sigfillset(&action.sa_mask);
  ::sigaction(orphan_signal(), &action, nullptr);
}

}  // namespace brigade::cluster::detail
