// Starting a program as a worker.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>

#include <string>
#include <vector>

#include <sys/types.h>

namespace brigade::cluster::detail {

struct SpawnRequest {
  int binary = -1;  // O_PATH descriptor of the program
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value"
  int channel = -1;                      // becomes channel_fd in the child
  int board = -1;                        // becomes board_fd
};

struct Spawned {
  pid_t pid = -1;
  Fd pidfd;
};

/// fork, then exec of a file that stays the same whatever is deployed at its path meanwhile. The
/// child gets standard input, output and error, the two descriptors above and no other; no blocked
/// or ignored signals, and the orphan's signal when this thread ends. A program that cannot be
/// executed shows as an exit with exec_failed.
Result<Spawned> spawn(const SpawnRequest& request);

inline constexpr int exec_failed = 127;

}  // namespace brigade::cluster::detail
