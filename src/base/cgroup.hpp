// The CPU quota that a container or a systemd slice puts on this process.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace brigade::detail {

/// CPUs' worth of quota, rounded up; nothing where there is no limit.
std::optional<unsigned> cgroup_cpu_quota();

// The decisions, apart from the files.

/// "200000 100000" → 2; "max 100000" → nothing; garbage → nothing.
std::optional<unsigned> parse_cpu_max(std::string_view text);
/// The path of a controller's group out of /proc/self/cgroup; for v2 ask for the empty controller.
std::optional<std::string> find_cgroup(std::string_view proc_self_cgroup,
                                       std::string_view controller);

}  // namespace brigade::detail
