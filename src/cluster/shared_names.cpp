#include "cluster/shared_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace brigade::cluster::detail {
namespace {

std::string describe(const Share& wanted) {
  return fmt::format("{} \"{}\"", wanted.producers == 0 ? "shared buffer" : "shared ring",
                     wanted.name);
}

std::uint64_t maximum(const Share& wanted) {
  return wanted.max_size == 0 ? wanted.size : wanted.max_size;
}

/// The name gets into messages and into /proc/PID/maps.
bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= SharedNames::max_name_bytes &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool same_layout(const Share& left, const Share& right) {
  return left.size == right.size && maximum(left) == maximum(right) &&
         left.producers == right.producers && left.checksum == right.checksum;
}

std::string layout(const Share& wanted) {
  if (wanted.producers == 0) {
    return fmt::format("{} bytes (at most {})", wanted.size, maximum(wanted));
  }
  return fmt::format("a capacity of {} bytes, {} producers and {} checksum", wanted.size,
                     wanted.producers, wanted.checksum != 0 ? "a" : "no");
}

Result<SharedRing> map_ring(const Fd& ring) {
  Fd own = ring.duplicate();
  if (!own) return Error(EMFILE, "shared ring: no file descriptors left (ulimit -n)");
  return SharedRing::attach(std::move(own));
}

}  // namespace

SharedNames& SharedNames::instance() {
  static auto* const names = new SharedNames;  // for threads that outlive static objects
  return *names;
}

Result<const SharedNames::Entry*> SharedNames::find_locked(const Share& wanted) const {
  if (!is_name(wanted.name)) {
    return Error(EINVAL, fmt::format("{}: a name has 1 to {} visible ASCII characters",
                                     wanted.producers == 0 ? "shared buffer" : "shared ring",
                                     max_name_bytes));
  }
  const auto found = entries_.find(wanted.name);
  if (found == entries_.end()) return static_cast<const Entry*>(nullptr);
  const Share& first = found->second.wanted;
  if (!same_layout(first, wanted)) {
    return Error(EEXIST,
                 fmt::format("{} was made with {}, so it cannot be had as {} with {}: ask "
                             "for the same, or by another name",
                             describe(first), layout(first),
                             wanted.producers == 0 ? "a buffer" : "a ring", layout(wanted)));
  }
  return &found->second;
}

Result<const SharedNames::Entry*> SharedNames::get_locked(const Share& wanted,
                                                          std::size_t max_bytes) {
  auto found = find_locked(wanted);
  if (!found || *found) return found;
  if (entries_.size() >= max_names) {
    return Error(ENOSPC, fmt::format("{}: there are {} names already, which is the limit",
                                     describe(wanted), entries_.size()));
  }
  const std::uint64_t more = maximum(wanted);
  if (more > max_bytes || bytes_ > max_bytes - more) {
    return Error(ENOSPC, fmt::format("{}: with its {} bytes there would be more than {} in all "
                                     "(PrimaryOptions::max_shared_bytes)",
                                     describe(wanted), more, max_bytes));
  }
  Entry entry{wanted, std::nullopt, Fd()};
  if (wanted.producers == 0) {
    auto buffer = SharedBuffer::create(
        static_cast<std::size_t>(wanted.size),
        {.max_size = static_cast<std::size_t>(wanted.max_size), .name = wanted.name});
    if (!buffer) return buffer.error();
    entry.buffer = std::move(*buffer);
  } else {
    auto ring = SharedRing::create({.capacity = static_cast<std::size_t>(wanted.size),
                                    .producers = wanted.producers,
                                    .checksum = wanted.checksum != 0,
                                    .name = wanted.name});
    if (!ring) return ring.error();
    entry.ring = ring->fd().duplicate();
    if (!entry.ring) return Error(EMFILE, "shared ring: no file descriptors left (ulimit -n)");
  }
  bytes_ += static_cast<std::size_t>(more);
  return &entries_.emplace(wanted.name, std::move(entry)).first->second;
}

Result<std::optional<SharedBuffer>> SharedNames::find(const Share& wanted) {
  const std::lock_guard lock(mutex_);
  auto found = find_locked(wanted);
  if (!found) return found.error();
  return *found ? (*found)->buffer : std::nullopt;
}

Result<SharedBuffer> SharedNames::get(const Share& wanted, std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  auto entry = get_locked(wanted, max_bytes);
  if (!entry) return entry.error();
  return *(*entry)->buffer;
}

SharedBuffer SharedNames::add(const Share& wanted, SharedBuffer buffer) {
  const std::lock_guard lock(mutex_);
  return *entries_.try_emplace(wanted.name, Entry{wanted, std::move(buffer), Fd()})
              .first->second.buffer;
}

Result<std::optional<SharedRing>> SharedNames::find_ring(const Share& wanted) {
  const std::lock_guard lock(mutex_);
  auto found = find_locked(wanted);
  if (!found) return found.error();
  if (!*found) return std::optional<SharedRing>();
  auto ring = map_ring((*found)->ring);
  if (!ring) return ring.error();
  return std::optional(std::move(*ring));
}

Result<SharedRing> SharedNames::get_ring(const Share& wanted, std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  auto entry = get_locked(wanted, max_bytes);
  if (!entry) return entry.error();
  return map_ring((*entry)->ring);
}

Result<SharedRing> SharedNames::add_ring(const Share& wanted, SharedRing ring) {
  Fd kept = ring.fd().duplicate();
  if (!kept) return Error(EMFILE, "shared ring: no file descriptors left (ulimit -n)");
  const std::lock_guard lock(mutex_);
  entries_.try_emplace(wanted.name, Entry{wanted, std::nullopt, std::move(kept)});
  return ring;  // the same memory, whoever was faster
}

Result<Fd> SharedNames::descriptor(const Share& wanted, std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  auto entry = get_locked(wanted, max_bytes);
  if (!entry) return entry.error();
  Fd out = ((*entry)->buffer ? (*entry)->buffer->fd() : (*entry)->ring).duplicate();
  if (!out) return Error(EMFILE, "the primary has no file descriptors left (ulimit -n)");
  return out;
}

std::vector<std::pair<Share, Fd>> SharedNames::descriptors() {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<Share, Fd>> out;
  for (const auto& [name, entry] : entries_) {
    out.emplace_back(entry.wanted, (entry.buffer ? entry.buffer->fd() : entry.ring).duplicate());
  }
  return out;
}

Result<void> SharedNames::inherit(const Share& wanted, Fd memory) {
  Entry entry{wanted, std::nullopt, Fd()};
  if (wanted.producers == 0) {
    auto buffer = SharedBuffer::attach(std::move(memory));
    if (!buffer) return buffer.error();
    entry.buffer = std::move(*buffer);
  } else {
    entry.ring = std::move(memory);
  }
  const std::lock_guard lock(mutex_);
  const bool is_new = entries_.try_emplace(wanted.name, std::move(entry)).second;
  if (is_new) bytes_ += static_cast<std::size_t>(maximum(wanted));
  return {};
}

}  // namespace brigade::cluster::detail
