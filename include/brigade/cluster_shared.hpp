// Memory that all workers of a cluster have, by name.
//
//     auto hits = co_await cluster::shared_array<std::int64_t>("hits", 1);
//     atomics::add(hits.value()[0], 1);
//
// The primary keeps it, so it survives the death of any worker: the replacement goes on with what
// is there. Whatever several workers change together must bear that one of them is killed at any
// instruction; single atomics do, a lock held by a dead worker does not.
#pragma once

#include <brigade/shared_array.hpp>
#include <brigade/shared_ring.hpp>
#include <brigade/task.hpp>

#include <cstddef>
#include <string>

namespace brigade::cluster {

struct SharedOptions {
  /// Bytes (or elements) it may grow to; 0: it keeps its size.
  std::size_t max_size = 0;
};

/// The buffer of this name (1 to 128 visible ASCII characters) with `size` bytes, made of zeros
/// when nobody has asked for it before. In a worker it is its primary's, the same for all workers
/// and reloads; without a primary, or in the primary, it is the process's own. It stays there until
/// the primary (or the process) ends; a cluster has at most 256, with
/// PrimaryOptions::max_shared_bytes in all.
///
/// The Error says so when the buffer was made with other sizes (EEXIST: a change of layout needs a
/// new name), a limit is reached (ENOSPC), or the primary is gone (EPIPE).
///
/// Thread: the main thread's loop; on another thread of a worker only what the main thread has got
/// before (ENOTCONN otherwise).
Task<Result<SharedBuffer>> shared_buffer(std::string name, std::size_t size,
                                         SharedOptions options = {});

/// The same as an array, sizes in elements.
template <class T>
Task<Result<SharedArray<T>>> shared_array(std::string name, std::size_t count,
                                          SharedOptions options = {}) {
  if (std::max(count, options.max_size) > SharedArray<T>::all / sizeof(T)) {
    co_return Error(EINVAL, "shared array " + name + ": too many elements");
  }
  auto buffer = co_await shared_buffer(std::move(name), count * sizeof(T),
                                       {.max_size = options.max_size * sizeof(T)});
  if (!buffer) co_return buffer.error();
  co_return SharedArray<T>::over(std::move(*buffer), 0,
                                 options.max_size == 0 ? count : SharedArray<T>::all);
}

/// The ring of this name, under the same rules and limits, made by the first who asks; capacity,
/// producers and checksum belong to the name, `options.name` does not count. Each call maps the
/// same ring anew, so keep what it gives, and make one producer for each thread that pushes. The
/// primary is neither producer nor consumer: what was pushed waits there while workers die and are
/// replaced, and the next consumer goes on at the first message that was not released.
Task<Result<SharedRing>> shared_ring(std::string name, SharedRingOptions options = {});

}  // namespace brigade::cluster
