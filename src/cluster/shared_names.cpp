#include "cluster/shared_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace brigade::cluster::detail {
namespace {

std::uint64_t maximum(const Share& wanted) {
  return wanted.max_size == 0 ? wanted.size : wanted.max_size;
}

/// The name gets into messages and into /proc/PID/maps.
bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= SharedNames::max_name_bytes &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

SharedNames& SharedNames::instance() {
  static auto* const names = new SharedNames;  // for threads that outlive static objects
  return *names;
}

Result<std::optional<SharedBuffer>> SharedNames::find_locked(const Share& wanted) const {
  if (!is_name(wanted.name)) {
    return Error(EINVAL, fmt::format("shared buffer: a name has 1 to {} visible ASCII characters",
                                     max_name_bytes));
  }
  const auto found = entries_.find(wanted.name);
  if (found == entries_.end()) return std::optional<SharedBuffer>();
  const Share& first = found->second.wanted;
  if (first.size != wanted.size || maximum(first) != maximum(wanted)) {
    return Error(
        EEXIST,
        fmt::format("shared buffer \"{}\" was made with {} bytes (at most {}), so it cannot "
                    "be had with {} (at most {}): ask for the same, or by another name",
                    wanted.name, first.size, maximum(first), wanted.size, maximum(wanted)));
  }
  return std::optional(found->second.buffer);
}

Result<std::optional<SharedBuffer>> SharedNames::find(const Share& wanted) {
  const std::lock_guard lock(mutex_);
  return find_locked(wanted);
}

Result<SharedBuffer> SharedNames::get(const Share& wanted, std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  auto found = find_locked(wanted);
  if (!found) return found.error();
  if (*found) return std::move(**found);
  if (entries_.size() >= max_names) {
    return Error(ENOSPC,
                 fmt::format("shared buffer \"{}\": there are {} names already, which is the "
                             "limit",
                             wanted.name, entries_.size()));
  }
  const std::uint64_t more = maximum(wanted);
  if (more > max_bytes || bytes_ > max_bytes - more) {
    return Error(ENOSPC, fmt::format("shared buffer \"{}\": with its {} bytes there would be more "
                                     "than {} in all (PrimaryOptions::max_shared_bytes)",
                                     wanted.name, more, max_bytes));
  }
  auto buffer = SharedBuffer::create(
      static_cast<std::size_t>(wanted.size),
      {.max_size = static_cast<std::size_t>(wanted.max_size), .name = wanted.name});
  if (!buffer) return buffer.error();
  bytes_ += static_cast<std::size_t>(more);
  entries_.emplace(wanted.name, Entry{wanted, *buffer});
  return std::move(*buffer);
}

SharedBuffer SharedNames::add(const Share& wanted, SharedBuffer buffer) {
  const std::lock_guard lock(mutex_);
  return entries_.try_emplace(wanted.name, Entry{wanted, std::move(buffer)}).first->second.buffer;
}

}  // namespace brigade::cluster::detail
