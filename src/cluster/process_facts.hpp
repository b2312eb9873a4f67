// What /proc tells of another process. Nothing of it is an error: who is gone has no facts.
#pragma once

#include <cstdint>
#include <string_view>

#include <sys/types.h>

namespace brigade::cluster::detail {

struct ThreadFacts {
  bool runnable = false;
  std::uint64_t ran_ns = 0;
  std::uint64_t waited_ns = 0;  // for a CPU
};
/// All zero where the kernel does not keep it.
ThreadFacts thread_facts(pid_t process, pid_t thread);
/// From the two files of a thread: "4711 (a (name)) R 1 …" and "run wait slices".
ThreadFacts parse_thread_facts(std::string_view stat, std::string_view schedstat);

/// Bytes of resident memory that it shares with no file and no process; 0: unknown.
std::uint64_t own_memory(pid_t process);
std::uint64_t open_descriptors(pid_t process);
/// A debugger holds it.
bool is_traced(pid_t process);

}  // namespace brigade::cluster::detail
