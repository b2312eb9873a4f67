#include "cluster/spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>

#include "cluster/orphan_guard.hpp"
#include "cluster/role.hpp"

namespace brigade::cluster::detail {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& string : strings) out.push_back(const_cast<char*>(string.c_str()));
  out.push_back(nullptr);
  return out;
}

// In the child. Only async-signal-safe calls from here on: other threads' locks are held for ever.
[[noreturn]] void become(pid_t parent, int binary, int channel, int board, char* const* arguments,
                         char* const* environment) {
  ::prctl(PR_SET_PDEATHSIG, orphan_signal());
  if (::getppid() != parent) ::_exit(exec_failed);  // it died before that
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < 65; ++signal) ::sigaction(signal, &by_default, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  // Out of the way first: a source may have the number of another's destination.
  constexpr int high = board_fd + 1;
  const int spare_binary = ::fcntl(binary, F_DUPFD_CLOEXEC, high);
  const int spare_channel = ::fcntl(channel, F_DUPFD_CLOEXEC, high);
  const int spare_board = ::fcntl(board, F_DUPFD_CLOEXEC, high);
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  if (spare_binary < 0 || ::dup2(spare_channel, channel_fd) < 0 ||
      ::dup2(spare_board, board_fd) < 0) {
    ::_exit(exec_failed);
  }
  ::syscall(SYS_execveat, spare_binary, "", arguments, environment, AT_EMPTY_PATH);
  constexpr std::string_view text = "brigade: cannot execute the program of a worker\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(exec_failed);
}

}  // namespace

Result<Spawned> spawn(const SpawnRequest& request) {
  const std::vector<char*> arguments = pointers(request.arguments);
  const std::vector<char*> environment = pointers(request.environment);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno(errno, "start a worker");
  if (pid == 0) {
    become(parent, request.binary, request.channel, request.board, arguments.data(),
           environment.data());
  }
  // The pid cannot be reused before it is reaped, and only the pidfd's owner reaps it.
  Spawned out{pid, Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)))};
  if (!out.pidfd) {
    const Error error = Error::from_errno(errno, "open a worker's pidfd");
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return error;
  }
  return out;
}

}  // namespace brigade::cluster::detail
