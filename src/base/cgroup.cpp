#include "base/cgroup.hpp"

#include "base/files.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace brigade::detail {
namespace {

std::optional<long long> number(std::string_view text) {
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

std::optional<unsigned> quota_of(long long quota, long long period) {
  if (quota <= 0 || period <= 0) return std::nullopt;
  const long long cpus = quota / period + (quota % period != 0);
  return static_cast<unsigned>(std::min<long long>(cpus, std::numeric_limits<unsigned>::max()));
}

void keep_smaller(std::optional<unsigned>& smallest, std::optional<unsigned> candidate) {
  if (candidate && (!smallest || *candidate < *smallest)) smallest = candidate;
}

// A limit on any ancestor counts. Within a cgroup namespace the path is relative to what is
// mounted.
template <class Read>
std::optional<unsigned> smallest_up_the_tree(std::string path, Read read) {
  std::optional<unsigned> smallest;
  while (true) {
    keep_smaller(smallest, read(path));
    if (path.empty() || path == "/") return smallest;
    path.resize(path.rfind('/'));
  }
}

}  // namespace

std::optional<unsigned> parse_cpu_max(std::string_view text) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto quota = number(text.substr(0, space));
  const auto period = number(text.substr(space + 1));
  if (!quota || !period) return std::nullopt;
  return quota_of(*quota, *period);
}

std::optional<std::string> find_cgroup(std::string_view text, std::string_view controller) {
  while (!text.empty()) {  // lines of "id:controller,controller:/path"
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    std::string_view names = line.substr(first + 1, second - first - 1);
    if (names.empty() && controller.empty()) return std::string(line.substr(second + 1));
    while (!names.empty()) {
      const std::string_view name = names.substr(0, names.find(','));
      if (name == controller) return std::string(line.substr(second + 1));
      names.remove_prefix(std::min(name.size() + 1, names.size()));
    }
  }
  return std::nullopt;
}

std::optional<unsigned> cgroup_cpu_quota() {
  const std::string groups = read_small_file("/proc/self/cgroup");
  std::optional<unsigned> smallest;
  if (const auto path = find_cgroup(groups, "")) {
    keep_smaller(smallest, smallest_up_the_tree(*path, [](const std::string& group) {
                   return parse_cpu_max(read_small_file("/sys/fs/cgroup" + group + "/cpu.max"));
                 }));
  }
  if (const auto path = find_cgroup(groups, "cpu")) {
    keep_smaller(smallest, smallest_up_the_tree(*path, [](const std::string& group) {
                   const std::string base = "/sys/fs/cgroup/cpu" + group;
                   const auto quota = number(read_small_file(base + "/cpu.cfs_quota_us"));
                   const auto period = number(read_small_file(base + "/cpu.cfs_period_us"));
                   return quota && period ? quota_of(*quota, *period) : std::nullopt;
                 }));
  }
  return smallest;
}

}  // namespace brigade::detail
