#include "message/broadcast_group.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace brigade::detail {
namespace {

struct Registry {
  std::mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<BroadcastGroup>> groups;  // guarded by mutex
};

Registry& registry() {
  static auto* const only = new Registry;  // never freed: threads may outlive static objects
  return *only;
}

}  // namespace

std::shared_ptr<BroadcastGroup> BroadcastGroup::join(const std::string& name,
                                                     const Member& member) {
  Members old;  // freed after the locks
  const std::lock_guard lock(registry().mutex);
  std::shared_ptr<BroadcastGroup>& group = registry().groups[name];
  if (!group) group = std::make_shared<BroadcastGroup>(name);
  ++group->users_;
  if (!member) return group;
  auto longer = std::make_shared<std::vector<Member>>(*group->members_);
  longer->push_back(member);
  const std::lock_guard group_lock(group->mutex_);
  old = std::exchange(group->members_, std::move(longer));
  return group;
}

void BroadcastGroup::leave(const Member& member) {
  Members old;
  std::shared_ptr<BroadcastGroup> last;
  const std::lock_guard lock(registry().mutex);
  if (member) {
    // Only joining and leaving replace the list, so it may be read here without the group's lock.
    auto shorter = std::make_shared<std::vector<Member>>(*members_);
    std::erase(*shorter, member);
    const std::lock_guard group_lock(mutex_);
    old = std::exchange(members_, std::move(shorter));
  }
  if (--users_ > 0) return;
  const auto found = registry().groups.find(name_);
  last = std::move(found->second);
  registry().groups.erase(found);
}

BroadcastGroup::Members BroadcastGroup::members() const {
  const std::lock_guard lock(mutex_);
  return members_;
}

std::size_t broadcast_groups() {
  const std::lock_guard lock(registry().mutex);
  return registry().groups.size();
}

}  // namespace brigade::detail
