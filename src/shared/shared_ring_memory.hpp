// The mapping of a SharedRing, and what of its layout may be believed: read once, checked, and kept
// outside the mapping.
#pragma once

#include <brigade/result.hpp>
#include <brigade/shared_ring.hpp>
#include <brigade/shared_segment.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "shared/shared_ring_layout.hpp"

namespace brigade::detail {

/// Shared by the ring, the producers and the consumer of one process. Thread: any; constant.
class RingMemory {
 public:
  /// `start` is the first position: a multiple of 8.
  static Result<std::shared_ptr<RingMemory>> create(const SharedRingOptions& options,
                                                    std::uint64_t start = 0);
  static Result<std::shared_ptr<RingMemory>> attach(Fd fd);

  /// `records` is the second mapping, which it takes.
  RingMemory(SharedSegment segment, std::byte* records, const RingLayout& layout);
  ~RingMemory();
  RingMemory(const RingMemory&) = delete;
  RingMemory& operator=(const RingMemory&) = delete;

  RingHeader& header() { return header_; }
  RingSlot& slot(unsigned index) { return slots_[index]; }
  unsigned slots() const { return slots_count_; }
  std::size_t capacity() const { return mask_ + 1; }
  bool single_producer() const { return single_producer_; }
  bool checksum() const { return checksum_; }
  /// Bytes, of a record or of several that are reserved together. A quarter, so that a message does
  /// not have to wait until the ring is nearly empty.
  std::uint64_t max_record() const { return capacity() / 4; }
  std::size_t max_message() const { return max_record() - sizeof(std::uint64_t); }

  /// What lies at the position; from there on `capacity()` bytes may be used in one piece.
  std::byte* at(std::uint64_t position) { return records_ + (position & mask_); }
  std::atomic_ref<std::uint64_t> word(std::uint64_t position) {
    // Aligned whatever the position, as hostile ones are used, too.
    void* const place = at(position & ~(kRecordAlign - 1));
    return std::atomic_ref<std::uint64_t>(*static_cast<std::uint64_t*>(place));
  }
  /// The upper half of a record's word. With `checksum()` it reads the message.
  std::uint64_t tag(std::uint64_t position, const std::byte* message, std::size_t length) const;

  RingState state() const;
  /// Returns `corrupt`.
  RingStatus mark_corrupt();
  /// Closes, unless it is, and wakes everybody.
  void close(RingState state);

  const Fd& fd() const { return segment_.fd(); }

 private:
  SharedSegment segment_;
  RingHeader& header_;
  RingSlot* const slots_;
  std::byte* const records_;  // a second mapping of the segment's end, twice in a row
  const std::uint64_t mask_;
  const unsigned slots_count_;
  const bool single_producer_;
  const bool checksum_;
};

}  // namespace brigade::detail
