// The shared buffers of a cluster by their names. The primary's, from which its workers are served;
// in a program without a primary the process's own; and in a worker those that it has been given.
//
// They stay for the life of the process: a worker that replaces a dead one goes on with the same
// memory.
#pragma once

#include <brigade/shared_buffer.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <string>

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

 private:
  struct Entry {
    Share wanted;
    SharedBuffer buffer;
  };
  Result<std::optional<SharedBuffer>> find_locked(const Share& wanted) const;

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // under mutex_
  std::size_t bytes_ = 0;                 // likewise
};

}  // namespace brigade::cluster::detail
