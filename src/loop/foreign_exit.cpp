#include "loop/foreign_exit.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/files.hpp"

namespace brigade::detail {
namespace {

// <linux/pidfd.h> of 6.13 and 6.15; our build machine's may be older than the kernel that runs.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup;
  std::uint32_t pid, tgid, ppid, uids_and_gids[8];
  std::int32_t exit_code;
  std::uint32_t core_mask, core_signal;
};
static_assert(sizeof(PidfdInfo) == 72);
constexpr unsigned long get_info = _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, sizeof(PidfdInfo));
constexpr std::uint64_t info_exit = 1U << 3;

constexpr ExitStatus unknown{.known = false};

// Shown once its parent has reaped it.
ExitStatus ask_kernel(int pidfd) {
  PidfdInfo info{};
  info.mask = info_exit;
  if (::ioctl(pidfd, get_info, &info) != 0 || (info.mask & info_exit) == 0) return unknown;
  return exit_from_wait_status(info.exit_code);
}

// -1 once it is reaped.
int pid_of(int pidfd) {
  const std::string text = read_small_file(fmt::format("/proc/self/fdinfo/{}", pidfd));
  constexpr std::string_view label = "\nPid:\t";
  const std::size_t at = text.find(label);
  int pid = -1;
  if (at != std::string::npos)
    std::from_chars(text.data() + at + label.size(), text.data() + text.size(), pid);
  return pid;
}

}  // namespace

ExitStatus exit_from_wait_status(int status) {
  if (WIFSIGNALED(status)) return {.signal = WTERMSIG(status)};
  if (WIFEXITED(status)) return {.code = WEXITSTATUS(status)};
  return unknown;
}

ExitStatus exit_from_stat(const std::string& stat) {
  const std::size_t after_name = stat.rfind(')');  // the name may hold anything
  if (after_name == std::string::npos || after_name + 2 >= stat.size()) return unknown;
  if (stat[after_name + 2] != 'Z') return unknown;
  std::string_view fields(stat);
  while (fields.ends_with('\n')) fields.remove_suffix(1);
  int status = 0;
  const std::string_view last = fields.substr(fields.rfind(' ') + 1);
  const auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), status);
  if (error != std::errc() || end != last.data() + last.size()) return unknown;
  return exit_from_wait_status(status);
}

ExitStatus exit_of_foreign(int pidfd) {
  // A zombie keeps its pid, and its stat shows how it ended. It may be reaped while we read, and
  // then the pid may be another's: so what was read counts only if the pid is still the pidfd's.
  const int pid = pid_of(pidfd);
  if (pid > 0) {
    const ExitStatus shown = exit_from_stat(read_small_file(fmt::format("/proc/{}/stat", pid)));
    if (shown.known && pid_of(pidfd) == pid) return shown;
  }
  return ask_kernel(pidfd);
}

}  // namespace brigade::detail
