// This test program started anew as a child, by the code that starts workers. A file that wants one
// registers what the child does; that runs before main(), and ends the child.
#pragma once

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>

#include "cluster/role.hpp"
#include "cluster/spawn.hpp"

namespace brigade::cluster::detail::test {

inline constexpr const char* task_variable = "UNIT_CLUSTER_TASK";

/// A static one: in a child that was asked for `task` it runs `body` and exits with what that
/// returns.
class ChildTask {
 public:
  template <class Body>
  ChildTask(std::string_view task, Body body) {
    const char* asked = std::getenv(task_variable);
    if (asked && asked == task) ::_exit(body());
  }
};

/// Starts this program with `task`; `channel` and `board` become its descriptors 3 and 4.
inline Result<Spawned> spawn_self(const std::string& task, int channel, int board,
                                  const std::map<std::string, std::string>& environment = {}) {
  const Fd binary(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  SpawnRequest request{.binary = binary.get(),
                       .arguments = {"child", "an argument"},
                       .environment = {task_variable + ("=" + task)},
                       .descriptors = {{channel, channel_fd}, {board, board_fd}}};
  for (const auto& [name, value] : environment) request.environment.push_back(name + "=" + value);
  return spawn(request);
}

/// The exit code; negative: the signal that killed it.
inline int reap(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct Socketpair {
  Socketpair() {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) std::abort();
    mine = Fd(fds[0]);
    childs = Fd(fds[1]);
  }
  /// All that the child writes until it ends.
  std::string read_to_end() {
    childs.reset();
    std::string out;
    std::array<char, 4096> part;
    for (ssize_t got; (got = ::read(mine.get(), part.data(), part.size())) > 0;) {
      out.append(part.data(), static_cast<std::size_t>(got));
    }
    return out;
  }
  Fd mine, childs;
};

/// For a child to answer on a descriptor.
inline void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

}  // namespace brigade::cluster::detail::test
