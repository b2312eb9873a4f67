// The shared buffers and rings of a cluster by their names. The primary's, from which its workers
// are served; in a program without a primary the process's own; and in a worker those that it has
// been given.
//
// They stay for the life of the process: a worker that replaces a dead one goes on with the same
// memory.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/shared_buffer.hpp>
#include <brigade/shared_ring.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/message.hpp"

namespace brigade::cluster::detail {

/// Any thread.
class SharedNames {
 public:
  static constexpr std::size_t max_names = 256;
  static constexpr std::size_t max_name_bytes = 128;

  /// This process's.
  static SharedNames& instance();

  /// The buffer of this name, made at the first call. An Error when it is there with other sizes,
  /// when the name is none, or when there would be too many names, or more than `max_bytes` in all.
  Result<SharedBuffer> get(const Share& wanted, std::size_t max_bytes);

  /// Nothing when it is not there yet; the Error as above.
  Result<std::optional<SharedBuffer>> find(const Share& wanted);
  /// Remembers one that was made elsewhere. Where another thread was faster, that one is returned.
  SharedBuffer add(const Share& wanted, SharedBuffer buffer);

  // The same for rings, whose `wanted` has producers. Each call maps the ring anew.
  Result<SharedRing> get_ring(const Share& wanted, std::size_t max_bytes);
  Result<std::optional<SharedRing>> find_ring(const Share& wanted);
  Result<SharedRing> add_ring(const Share& wanted, SharedRing ring);

  /// Of either, made at the first call, for another process.
  Result<Fd> descriptor(const Share& wanted, std::size_t max_bytes);

  // From one primary to the next, by way of the workers.
  /// Of all that there are; those for which there was no descriptor left are empty.
  std::vector<std::pair<Share, Fd>> descriptors();
  /// Nothing happens when there is one of this name.
  Result<void> inherit(const Share& wanted, Fd memory);

 private:
  struct Entry {
    Share wanted;
    std::optional<SharedBuffer> buffer;
    Fd ring;
  };
  Result<const Entry*> find_locked(const Share& wanted) const;
  Result<const Entry*> get_locked(const Share& wanted, std::size_t max_bytes);

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // under mutex_
  std::size_t bytes_ = 0;                 // likewise
};

}  // namespace brigade::cluster::detail
