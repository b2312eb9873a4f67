// The kernel's counters of out-of-memory kills: all it tells about who sent a SIGKILL.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "cluster/exit_judge.hpp"

namespace brigade::cluster::detail {

/// Every cgroup counts its kills (a kill for want of memory on the whole machine as well), and so
/// does the machine. A worker that died by SIGKILL is put down to a kill that was counted since we
/// last looked and is not put down to another worker. That may be wrong where something else in the
/// same cgroup was the victim.
class OomKills {
 public:
  /// The file that counts for the memory cgroup of a process: v2's memory.events or v1's
  /// memory.oom_control. Empty where there is none to be read.
  static std::string file_of(pid_t pid);

  OomKills();

  /// Begins to watch a file of file_of(); its count so far is nobody's.
  void watch(const std::string& file);
  OomEvidence evidence(const std::string& file);

 private:
  std::map<std::string, std::uint64_t> counted_;
  std::optional<std::uint64_t> on_machine_;
};

/// The value of the line "name value" in such a file.
std::optional<std::uint64_t> find_count(std::string_view text, std::string_view name);

}  // namespace brigade::cluster::detail
