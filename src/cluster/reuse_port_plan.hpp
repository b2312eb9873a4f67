// `reuse_port`, the decisions: which sockets of the group get new connections, and who serves those
// whose position has nobody to serve it.
//
// A socket belongs to a position and outlives its workers. While a position has none (it is being
// replaced, or was stopped) the kernel is told to pass it over, and a worker of another position,
// the stand-in, takes what waits there. The same way a position that has ended is emptied before
// its socket is closed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace brigade::cluster::detail {

class ReusePortPlan {
 public:
  using WorkerId = std::uint64_t;
  struct Change {
    std::uint32_t position;
    std::optional<WorkerId> before, after;  // its stand-in
  };

  bool has(std::uint32_t position) const { return find(position) != group_.end(); }
  /// Its socket has begun to listen, as the last of the group.
  void add(std::uint32_t position) { group_.push_back({position}); }
  void join(std::uint32_t position, WorkerId id) {
    const auto entry = find(position);
    entry->ended = false;
    entry->workers[id] = false;
  }
  void leave(WorkerId id) {
    for (Entry& entry : group_) entry.workers.erase(id);
  }
  void stopped(WorkerId id, bool stopped) {
    for (Entry& entry : group_) {
      if (const auto found = entry.workers.find(id); found != entry.workers.end())
        found->second = stopped;
    }
  }
  void end(std::uint32_t position) {
    if (const auto entry = find(position); entry != group_.end()) entry->ended = true;
  }
  bool has_ended(std::uint32_t position) const {
    const auto entry = find(position);
    return entry != group_.end() && entry->ended;
  }
  /// Its socket was closed: the kernel has moved the last of the group to its place.
  void remove(std::uint32_t position) {
    const auto entry = find(position);
    if (entry == group_.end()) return;
    *entry = std::move(group_.back());
    group_.pop_back();
  }

  /// Places in the group that get new connections; empty: all do.
  std::vector<unsigned> steer_to() const {
    std::vector<unsigned> out;
    for (unsigned index = 0; index < group_.size(); ++index) {
      if (is_served(group_[index])) out.push_back(index);
    }
    if (out.size() == group_.size()) out.clear();
    return out;
  }

  std::optional<WorkerId> stand_in(std::uint32_t position) const {
    const auto entry = find(position);
    return entry == group_.end() ? std::nullopt : entry->stand_in;
  }
  /// Finds stand-ins where they are needed; what has changed by that.
  std::vector<Change> assign() {
    std::vector<Change> out;
    for (Entry& entry : group_) {
      std::optional<WorkerId> after;
      if (!is_served(entry)) {
        after = entry.stand_in && is_able(*entry.stand_in) ? entry.stand_in : least_burdened();
      }
      if (after == entry.stand_in) continue;
      out.push_back({entry.position, entry.stand_in, after});
      entry.stand_in = after;
    }
    return out;
  }

 private:
  struct Entry {
    std::uint32_t position = 0;
    bool ended = false;
    std::map<WorkerId, bool> workers = {};  // whether it is stopped
    std::optional<WorkerId> stand_in = {};
  };

  std::vector<Entry>::iterator find(std::uint32_t position) {
    return std::find_if(group_.begin(), group_.end(),
                        [&](const Entry& entry) { return entry.position == position; });
  }
  std::vector<Entry>::const_iterator find(std::uint32_t position) const {
    return std::find_if(group_.begin(), group_.end(),
                        [&](const Entry& entry) { return entry.position == position; });
  }
  static bool is_served(const Entry& entry) {
    return !entry.ended && std::any_of(entry.workers.begin(), entry.workers.end(),
                                       [](const auto& worker) { return !worker.second; });
  }
  bool is_able(WorkerId id) const {
    return std::any_of(group_.begin(), group_.end(), [&](const Entry& entry) {
      const auto found = entry.workers.find(id);
      return found != entry.workers.end() && !found->second;
    });
  }
  std::optional<WorkerId> least_burdened() const {
    std::optional<WorkerId> best;
    long fewest = 0;
    for (const Entry& entry : group_) {
      for (const auto& [id, is_stopped] : entry.workers) {
        if (is_stopped) continue;
        const long burden = std::count_if(
            group_.begin(), group_.end(),
            [&, worker = id](const Entry& other) { return other.stand_in == worker; });
        if (best && burden >= fewest) continue;
        best = id;
        fewest = burden;
      }
    }
    return best;
  }

  std::vector<Entry> group_;  // in the kernel's order
};

}  // namespace brigade::cluster::detail
