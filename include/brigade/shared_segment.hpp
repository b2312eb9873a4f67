// A block of memory that several processes map: a sealed memfd and its mapping.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace brigade {

/// Owns a memfd and a shared, writable mapping of all of it. Move-only. The memory starts zeroed,
/// on a page boundary, and has no name in the file system: nothing to squat on, nothing left by a
/// crash. Its size is sealed, so that no process which holds the descriptor can shrink it and turn
/// another's next read into a SIGBUS. A fork inherits the mapping; an exec or a peer gets `fd()`
/// and attaches. Thread: the object belongs to one thread at a time; the memory to whoever agrees
/// on its layout.
class SharedSegment {
 public:
  /// `name` shows in /proc/PID/maps as "memfd:name" (at most 249 bytes), `size` is in bytes, not 0.
  /// Pages cost memory once they are touched. Fails when out of descriptors or address space.
  static Result<SharedSegment> create(const std::string& name, std::size_t size);

  /// Maps a segment that another process made. Takes the descriptor in any case. Refuses one that
  /// is not sealed against shrinking, growing and further seals, not plain memory, or not exactly
  /// `expected_size` bytes.
  static Result<SharedSegment> attach(Fd fd, std::size_t expected_size);
  /// The same for a segment of any size, which is then for the caller to judge.
  static Result<SharedSegment> attach(Fd fd);

  SharedSegment(SharedSegment&& other) noexcept
      : fd_(std::move(other.fd_)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  SharedSegment& operator=(SharedSegment&& other) noexcept;
  ~SharedSegment();

  /// Never null, but in a segment that was moved from.
  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  /// Bytes.
  std::size_t size() const { return size_; }
  /// Stays owned by the segment; duplicate it to pass it on.
  const Fd& fd() const { return fd_; }

 private:
  SharedSegment(Fd fd, std::byte* data, std::size_t size)
      : fd_(std::move(fd)), data_(data), size_(size) {}
  static Result<SharedSegment> map(Fd fd, std::size_t size);

  Fd fd_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace brigade
