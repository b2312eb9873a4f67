// Facts about the machine and this process.
#pragma once

#include <brigade/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace brigade {

/// How many threads can run at once: the smallest of the CPUs this process may run on (affinity
/// mask) and its cgroup's CPU quota (v2 or v1, rounded up, every ancestor counts). At least 1.
unsigned available_parallelism();

/// The CPUs that this process may run on, ascending. For pinning.
std::vector<int> allowed_cpus();

/// Binds the calling thread to one CPU.
Result<void> pin_this_thread(int cpu);

/// Cuts to the 15 bytes that Linux keeps; `htop`, `ps -L` and core dumps show it.
void name_this_thread(std::string_view name);

/// Raises the soft limit on open files to the hard one. Returns the limit in force.
std::size_t raise_fd_limit();

/// "pid 4211 (nginx)" for the process that listens on a TCP port of this network namespace; empty
/// where nobody does or this user may not see it.
std::string who_listens_on(unsigned short port);

}  // namespace brigade
