#include <brigade/child.hpp>
#include <brigade/result.hpp>

#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "loop/foreign_exit.hpp"

namespace brigade {

std::string ExitStatus::text() const {
  if (!known) return "ended, how is not known";
  if (signal == 0) return fmt::format("exited with code {}", code);
  const char* name = ::sigabbrev_np(signal);
  return name ? fmt::format("was killed by SIG{}", name)
              : fmt::format("was killed by signal {}", signal);
}

ChildWatch::ChildWatch(Fd pidfd, std::function<void(ExitStatus)> on_exit)
    : pidfd_(std::move(pidfd)), on_exit_(std::move(on_exit)), loop_(Loop::current()) {
  if (!loop_.watch(pidfd_.get(), EPOLLIN, *this)) {
    throw ErrorException(Error::from_errno(errno, "watch a child"));
  }
}

ChildWatch::~ChildWatch() {
  if (!reaped_) loop_.unwatch(pidfd_.get(), *this);
}

bool ChildWatch::send_signal(int signal) {
  if (reaped_) return false;
  return ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) == 0;
}

void ChildWatch::on_event(std::uint32_t) {
  siginfo_t info{};
  ExitStatus status;
  if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info,
               WEXITED | WNOHANG) == 0) {
    if (info.si_pid == 0) return;
    (info.si_code == CLD_EXITED ? status.code : status.signal) = info.si_status;
  } else if (errno == ECHILD) {
    status = detail::exit_of_foreign(pidfd_.get());
  } else {
    return;
  }
  reaped_ = true;
  loop_.unwatch(pidfd_.get(), *this);
  const std::function<void(ExitStatus)> callback =
      std::move(on_exit_);  // it may destroy this watch
  callback(status);
}

}  // namespace brigade
