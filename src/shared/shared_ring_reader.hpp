// The consuming end of a SharedRing. See shared_ring_layout.hpp for the protocol.
//
// Invariant: `head_` and `position_` are our own; what is in the header of them is only written, so
// that nobody can move us. Everything that is read from the memory is read once and bounded.
#pragma once

#include <brigade/shared_ring.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "shared/shared_ring_memory.hpp"

namespace brigade::detail {

class RingReader {
 public:
  using Visit = void (*)(void* context, std::span<const std::byte> message);

  /// Takes the consumer's place, and ends what a dead predecessor began.
  static Result<std::unique_ptr<RingReader>> create(std::shared_ptr<RingMemory> memory);
  RingReader(std::shared_ptr<RingMemory> memory, Fd lock);
  ~RingReader();
  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;

  RingStatus try_pop(std::vector<std::byte>& message);
  RingStatus pop(std::vector<std::byte>& message, Duration timeout);
  RingStatus wait(Duration timeout);
  RingCount read(void* context, Visit visit, std::size_t max);

 private:
  /// What is at `position_`: ok and a message, or why not. Skips what dead producers left.
  RingStatus next(std::span<const std::byte>& message);
  RingStatus check_word(std::uint64_t word, std::span<const std::byte>& message);
  RingStatus look_for_tail();
  /// A reservation without a word: ok when it was skipped, empty when its owner may live.
  RingStatus pass_abandoned();
  std::optional<std::uint64_t> abandoned_length();
  bool ends_a_reservation(std::uint64_t end);
  bool sees_message();
  void sleep(TimePoint deadline);
  /// Everything before `position_`.
  void release();

  const std::shared_ptr<RingMemory> memory_;
  const Fd lock_;
  std::uint64_t head_;        // as published: what is before may be written again
  std::uint64_t position_;    // of the next record
  std::uint64_t known_tail_;  // at or behind which no record is looked for
  int chase_ = 0;             // looks in a row that found something, up to kChase
  bool stuck_ = false;        // a reservation at position_ was not committed when last looked for
  TimePoint looked_ = {};     // for the owner of that
  std::vector<std::byte> copy_;
};

}  // namespace brigade::detail
