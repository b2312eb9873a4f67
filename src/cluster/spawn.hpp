// Starting a program as a worker.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>

#include <optional>
#include <string>
#include <vector>

#include <sched.h>
#include <sys/types.h>

namespace brigade::cluster::detail {

struct SpawnRequest {
  struct Descriptor {
    int source = -1;  // ours
    int number = -1;  // the child's
  };
  int binary = -1;  // O_PATH descriptor of the program
  std::vector<std::string> arguments = {};
  std::vector<std::string> environment = {};  // "NAME=value"
  std::vector<Descriptor> descriptors = {};
  std::string directory = {};  // empty: ours
  std::optional<uid_t> uid = {};
  std::optional<gid_t> gid = {};
  std::optional<cpu_set_t> cpus = {};  // none: ours
  /// Not our child, but our parent's, who has to reap it; it gets no orphan's signal.
  bool as_sibling = false;
};

struct Spawned {
  pid_t pid = -1;
  Fd pidfd;
};

/// fork, then exec of a file that stays the same whatever is deployed at its path meanwhile. The
/// child gets our standard input, output and error, the descriptors of the list (which may replace
/// those three) and no other; no blocked or ignored signals, and the orphan's signal when this
/// thread ends. With another user or group it has no supplementary groups. What goes wrong in the
/// child is said on its standard error, and shows as an exit with exec_failed.
Result<Spawned> spawn(const SpawnRequest& request);

inline constexpr int exec_failed = 127;

}  // namespace brigade::cluster::detail
