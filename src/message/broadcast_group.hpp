// Who is in which broadcast group.
//
// Invariants
// - A group is in the registry exactly while it has members: an idle name leaves nothing behind.
// - Lock order: the registry, then a group. Posting takes the group's lock only, and only to take a
//   reference to the list of members, which is never changed, but replaced.
// - Neither lock is held while a message is copied, put or destroyed.
#pragma once

#include <brigade/mailbox.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace brigade::detail {

struct BroadcastMember {
  explicit BroadcastMember(std::size_t limit) : inbox(limit) {}
  Mailbox inbox;
  std::atomic<std::uint64_t> dropped{0};
};

class BroadcastGroup {
 public:
  using Member = std::shared_ptr<BroadcastMember>;
  using Members = std::shared_ptr<const std::vector<Member>>;

  /// The group of that name, made when there is none. A null member only posts.
  static std::shared_ptr<BroadcastGroup> join(const std::string& name, const Member& member);
  void leave(const Member& member);
  Members members() const;
  const std::string& name() const { return name_; }

  explicit BroadcastGroup(std::string name) : name_(std::move(name)) {}

 private:
  const std::string name_;
  std::size_t users_ = 0;  // members, and those that only post; under the registry's lock
  mutable std::mutex mutex_;
  Members members_ = std::make_shared<std::vector<Member>>();  // guarded by mutex_
};

/// How many names are in use. For tests.
std::size_t broadcast_groups();

}  // namespace brigade::detail
