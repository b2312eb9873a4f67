// What lies in a SharedRing's memory: a header, and behind it `capacity` bytes of records.
//
// Positions are 64-bit counts of bytes since the ring was made (or since the start that a test
// chose): they only grow, may wrap around zero, and are compared by their difference. Position p
// lies at p modulo capacity. Each process maps the records twice in a row, so that none is cut by
// the end.
//
// A record is a word and its bytes, rounded up to 8. The word: bits 0-30 the length, bit 31 set,
// bits 32-63 a tag that depends on the position and, as an option, the checksum. So it is never 0,
// and a stray word is taken for one at its place once in 2^32.
//
// One producer: it writes records behind `tail` and then moves `tail`. What is behind is invisible,
// so its death at any instruction leaves nothing to repair.
//
// Several producers: `tail` is moved first, by compare-and-swap, to reserve; a reservation is
// committed when its first word is written. Invariants:
// - The bytes from `tail` to `head + capacity` are zero: the consumer clears what it releases, and
//   says in `releasing` how far before it begins, so that its successor can finish.
// - A producer writes its intent (where, how long) to its slot before it tries to reserve, and does
//   not change it between reserving and committing. It clears it when it gives up. So where the
//   word at the consumer's position is missing, some slot's intent is at that position, and has the
//   length; or the word has come meanwhile.
// - It sets kWon in the intent after reserving and before it writes anything to the records.
// - Every intent's position has been a value of `tail`, so it is a true boundary of reservations.
//
// Nobody believes what others write: positions are masked, lengths bounded, by figures that are
// kept outside the mapping.
#pragma once

#include <brigade/cells.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace brigade::detail {

inline constexpr std::uint64_t kRingMagic = 0x474e'4952'4449'5242;  // "BRIDRING"
inline constexpr std::uint32_t kRingVersion = 1;
inline constexpr std::uint64_t kRecordAlign = 8;
inline constexpr std::size_t kMaxRingCapacity = std::size_t{1} << 30;
inline constexpr unsigned kMaxRingProducers = 64;
/// Two cache lines, as x86 fetches them in pairs.
inline constexpr std::size_t kApart = 128;

inline constexpr std::uint32_t kCommitted = 0x8000'0000;

// In a slot's intent, whose position is a multiple of 8.
inline constexpr std::uint64_t kNoIntent = 1;
inline constexpr std::uint64_t kWon = 2;
inline constexpr std::uint64_t kIntentFlags = 7;

enum class RingState : std::uint32_t { open, closed, corrupt };

struct RingLayout {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t header_size;
  std::uint64_t capacity;
  std::uint32_t slots;
  std::uint32_t single_producer;
  std::uint32_t checksum;
};

/// A producer's, while it holds the lock on the slot's byte.
struct alignas(64) RingSlot {
  /// kNoIntent, or the position it tried to reserve and perhaps kWon.
  std::atomic<std::uint64_t> intent;
  /// Bytes. Written before the position, so that it is right whenever that is.
  std::atomic<std::uint64_t> length;
};

struct RingHeader {
  alignas(kApart) RingLayout layout;

  // Read by everybody at each operation, seldom written.
  alignas(kApart) std::atomic<std::uint32_t> state;  // RingState
  std::atomic<std::uint32_t> consumer_sleeps;        // a futex; 1: wake it
  std::atomic<std::uint32_t> producers_sleep;        // likewise

  alignas(kApart) std::atomic<std::uint64_t> tail;  // the producers'

  alignas(kApart) std::atomic<std::uint64_t> head;  // the consumer's
  std::atomic<std::uint64_t> releasing;
  Counter abandoned;

  alignas(kApart) RingSlot slots[1];  // layout.slots of them
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint32_t>) == 4, "a futex is 32 bits");

constexpr std::uint64_t record_size(std::size_t length) {
  return (length + sizeof(std::uint64_t) + kRecordAlign - 1) & ~(kRecordAlign - 1);
}

/// The upper half of the word of the record at `position`, in place. An odd factor, so that no two
/// positions within a ring's length share one.
constexpr std::uint64_t record_tag(std::uint64_t position) {
  return ((position / kRecordAlign) * 0x9e37'79b1 + 0x7f4a'7c15) << 32;
}

/// Bytes from `from` on to `to`; negative when `to` is behind.
constexpr std::int64_t distance(std::uint64_t from, std::uint64_t to) {
  return static_cast<std::int64_t>(to - from);
}

}  // namespace brigade::detail
