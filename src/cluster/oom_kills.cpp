#include "cluster/oom_kills.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/cgroup.hpp"
#include "base/files.hpp"

namespace brigade::cluster::detail {
namespace {

using brigade::detail::read_small_file;

constexpr std::string_view counter = "oom_kill";

std::optional<std::uint64_t> kills_in(const std::string& file) {
  return find_count(read_small_file(file), counter);
}

std::optional<std::uint64_t> kills_on_machine() {
  return kills_in("/proc/vmstat");
}

}  // namespace

std::optional<std::uint64_t> find_count(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ' ') continue;
    std::uint64_t value = 0;
    const char* begin = line.data() + name.size() + 1;
    const auto [end, error] = std::from_chars(begin, line.data() + line.size(), value);
    if (error == std::errc() && end != begin) return value;
  }
  return std::nullopt;
}

std::string OomKills::file_of(pid_t pid) {
  const std::string groups = read_small_file(fmt::format("/proc/{}/cgroup", pid));
  if (const auto v1 = brigade::detail::find_cgroup(groups, "memory")) {
    // Inside a container the path may be as the host sees it, while only its own part is mounted.
    for (const std::string& path : {*v1, std::string()}) {
      std::string file = "/sys/fs/cgroup/memory" + path + "/memory.oom_control";
      if (::access(file.c_str(), R_OK) == 0) return file;
    }
  }
  if (const auto v2 = brigade::detail::find_cgroup(groups, "")) {
    std::string file = "/sys/fs/cgroup" + *v2 + "/memory.events";
    if (::access(file.c_str(), R_OK) == 0) return file;
  }
  return {};
}

OomKills::OomKills() : on_machine_(kills_on_machine()) {}

void OomKills::watch(const std::string& file) {
  if (file.empty() || counted_.contains(file)) return;
  if (const auto kills = kills_in(file)) counted_.emplace(file, *kills);
}

OomEvidence OomKills::evidence(const std::string& file) {
  const auto known = counted_.find(file);
  if (known != counted_.end()) {
    const auto kills = kills_in(file);
    if (!kills || *kills <= known->second) return OomEvidence::none;
    ++known->second;
    return OomEvidence::counted;
  }
  const auto before = on_machine_;
  on_machine_ = kills_on_machine();
  return before && on_machine_ && *on_machine_ == *before ? OomEvidence::none : OomEvidence::unsure;
}

}  // namespace brigade::cluster::detail
