// Memory that any thread and any process can map: Node's SharedArrayBuffer.
//
//     auto buffer = SharedBuffer::create(4096, {.max_size = 1 << 20}).value();
//     // … a copy to a thread, or buffer.fd() to another process, which calls attach() …
//     buffer.grow(8192).value();   // seen by all of them
#pragma once

#include <brigade/shared_segment.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include <sys/types.h>

namespace brigade {

struct SharedBufferOptions {
  /// Bytes that the buffer may grow to; 0: it keeps its size. Address space in every process, but
  /// no memory before it is touched.
  std::size_t max_size = 0;
  /// Shows in /proc/PID/maps as "memfd:name". At most 249 bytes.
  std::string name = "shared";
};

namespace detail {

/// One mapping in this process.
struct SharedMemory {
  SharedSegment segment;
  std::byte* data;                     // what follows the header page
  std::size_t max_size;                // our own copy: nobody can change it under us
  std::atomic<std::uint64_t>* length;  // in the header page, any process writes it
  dev_t device;
  ino_t file;
};

}  // namespace detail

/// A handle: copies are cheap and share one mapping, which goes with the last of them; the memory
/// itself goes with the last process that maps it or holds its descriptor. Empty when default
/// constructed.
///
/// The bytes start zeroed, on a page boundary. All of max_size is mapped at once and can never be
/// taken away (the file is sealed), and a reader believes the length that others write only as far
/// as that: whatever a peer does, an access inside `size()` is no SIGBUS.
///
/// Thread: a handle belongs to one thread at a time, as a shared_ptr does; every function may run
/// at the same time on copies of it.
class SharedBuffer {
 public:
  SharedBuffer() = default;

  /// `size` in bytes, may be 0. Fails when it is above max_size, or when the process is out of
  /// descriptors or address space.
  static Result<SharedBuffer> create(std::size_t size, SharedBufferOptions options = {});

  /// Maps a buffer that was made elsewhere. Takes the descriptor in any case. Refuses what is no
  /// shared buffer, or might change its size.
  static Result<SharedBuffer> attach(Fd fd);

  explicit operator bool() const { return memory_ != nullptr; }

  /// Bytes. May grow at any time, by any process.
  std::size_t size() const {
    if (!memory_) return 0;
    const std::uint64_t length = memory_->length->load(std::memory_order_seq_cst);
    return static_cast<std::size_t>(std::min<std::uint64_t>(length, memory_->max_size));
  }
  std::size_t max_size() const { return memory_ ? memory_->max_size : 0; }

  /// Only enlarges; the new bytes are zero. To less than the present size, or to more than
  /// max_size(), is an error, and nothing is changed.
  Result<void> grow(std::size_t new_size);

  /// Null only when empty.
  std::byte* data() const { return memory_ ? memory_->data : nullptr; }

  /// To be duplicated and sent; it stays the buffer's.
  const Fd& fd() const;

  /// Whether both are the same memory, also where it was attached twice.
  friend bool operator==(const SharedBuffer& left, const SharedBuffer& right) {
    if (left.memory_ == right.memory_) return true;
    return left.memory_ && right.memory_ && left.memory_->device == right.memory_->device &&
           left.memory_->file == right.memory_->file;
  }

 private:
  static Result<SharedBuffer> over(SharedSegment segment, std::size_t max_size);

  std::shared_ptr<const detail::SharedMemory> memory_;
};

}  // namespace brigade
