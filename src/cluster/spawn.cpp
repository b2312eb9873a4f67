#include "cluster/spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <string_view>

#include "base/files.hpp"
#include "cluster/orphan_guard.hpp"

namespace brigade::cluster::detail {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& string : strings) out.push_back(const_cast<char*>(string.c_str()));
  out.push_back(nullptr);
  return out;
}

// A sibling is to be what our parent was.
std::string oom_score_of(const SpawnRequest& request) {
  const int raise = request.as_sibling ? -100 : 100;
  constexpr int lowest = -1000, highest = 1000;
  const std::string own = brigade::detail::read_small_file("/proc/self/oom_score_adj");
  int score = 0;
  std::from_chars(own.data(), own.data() + own.size(), score);
  return std::to_string(std::clamp(score + raise, lowest, highest));
}

// In the child: only async-signal-safe calls, other threads' locks are held for ever.

[[noreturn]] void give_up(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(exec_failed);
}

void reset_signals() {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < 65; ++signal) ::sigaction(signal, &by_default, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Puts all in their places. `spares` has room for each; returns the binary's place.
int place_descriptors(const SpawnRequest& request, int* spares) {
  int high = STDERR_FILENO + 1;
  for (const auto& each : request.descriptors) high = std::max(high, each.number + 1);
  // Out of the way first: a source may have the number of another's destination.
  const int binary = ::fcntl(request.binary, F_DUPFD_CLOEXEC, high);
  bool placed = binary >= 0;
  int* spare = spares;
  for (const auto& each : request.descriptors) {
    *spare++ = ::fcntl(each.source, F_DUPFD_CLOEXEC, high);
  }
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  spare = spares;
  for (const auto& each : request.descriptors) {
    placed = ::dup2(*spare++, each.number) >= 0 && placed;
  }
  if (!placed) give_up("brigade: cannot give a worker its descriptors (ulimit -n)\n");
  return binary;
}

// The groups first: who is no longer root cannot change them.
void change_user(const SpawnRequest& request) {
  if (!request.uid && !request.gid) return;
  // The system calls themselves: the library's functions would signal this process's threads, which
  // a forked child does not have.
  const gid_t gid = request.gid.value_or(static_cast<gid_t>(-1));
  const uid_t uid = request.uid.value_or(static_cast<uid_t>(-1));
  if (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, gid, gid, gid) != 0 ||
      ::syscall(SYS_setresuid, uid, uid, uid) != 0) {
    give_up("brigade: cannot give a worker the user or group of its settings (needs root)\n");
  }
}

// The kernel, when it needs memory, shall take a worker and not its primary. Raising is for
// anybody, and so is taking that back.
void write_oom_score(std::string_view score) {
  const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  [[maybe_unused]] const auto wrote = ::write(file, score.data(), score.size());
  ::close(file);
}

[[noreturn]] void become(pid_t parent, const SpawnRequest& request, std::string_view oom_score,
                         int* spares, char* const* arguments, char* const* environment) {
  reset_signals();
  const int binary = place_descriptors(request, spares);
  if (!request.directory.empty() && ::chdir(request.directory.c_str()) != 0) {
    give_up("brigade: cannot enter the directory of a worker's settings\n");
  }
  write_oom_score(oom_score);
  if (request.cpus) ::sched_setaffinity(0, sizeof *request.cpus, &*request.cpus);
  change_user(request);
  if (!request.as_sibling) {
    ::prctl(PR_SET_PDEATHSIG, orphan_signal());       // a change of user would have cleared it
    if (::getppid() != parent) ::_exit(exec_failed);  // it died before that
  }
  ::syscall(SYS_execveat, binary, "", arguments, environment, AT_EMPTY_PATH);
  give_up("brigade: cannot execute the program of a worker\n");
}

// fork, but to be the brother of what it makes. No library's fork handlers run in the child, which
// is none the worse for it: it executes a program at once.
pid_t fork_sibling(Fd& pidfd) {
  int out = -1;
  clone_args how{};
  how.flags = CLONE_PARENT | CLONE_PIDFD;
  how.pidfd = reinterpret_cast<std::uintptr_t>(&out);
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &how, sizeof how));
  if (pid > 0) pidfd = Fd(out);
  return pid;
}

}  // namespace

Result<Spawned> spawn(const SpawnRequest& request) {
  const std::vector<char*> arguments = pointers(request.arguments);
  const std::vector<char*> environment = pointers(request.environment);
  std::vector<int> spares(request.descriptors.size());
  const std::string oom_score = oom_score_of(request);
  const pid_t parent = ::getpid();
  // A signal to the child waits until it has no handlers of ours any more: those write to
  // descriptors that it shares with us, and we would take its SIGTERM for one to ourselves.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  Fd siblings_pidfd;
  const pid_t pid = request.as_sibling ? fork_sibling(siblings_pidfd) : ::fork();
  if (pid == 0)
    become(parent, request, oom_score, spares.data(), arguments.data(), environment.data());
  const int problem = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return Error::from_errno(problem, "start a worker");
  if (request.as_sibling) return Spawned{pid, std::move(siblings_pidfd)};
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
