// What the consumer does where a reservation was never committed.
#include <chrono>

#include "shared/shared_ring_lock.hpp"
#include "shared/shared_ring_reader.hpp"

namespace brigade::detail {

RingStatus RingReader::pass_abandoned() {
  // Nearly always its owner is about to commit, so asking the kernel is not done at every look.
  constexpr Duration kPatience = std::chrono::microseconds(100);
  const TimePoint now = monotonic_now();
  if (!stuck_) {
    stuck_ = true;
    looked_ = now;
    return RingStatus::empty;
  }
  if (now - looked_ < kPatience) return RingStatus::empty;
  looked_ = now;

  const auto length = abandoned_length();
  if (!length) return RingStatus::empty;
  if (*length == 0) return RingStatus::ok;  // it came meanwhile
  const std::uint64_t room = known_tail_ - position_;
  if (*length % kRecordAlign != 0 || *length > memory_->max_record() || *length > room) {
    return memory_->mark_corrupt();
  }
  position_ += *length;
  stuck_ = false;
  memory_->header().abandoned.add();
  return RingStatus::ok;
}

/// Nothing when an owner may still live, 0 when there is a word after all.
///
/// The owner's slot has an intent at `position_`, unless it has gone on, and then the word is
/// there. Others may have one there, too: those that were beaten to it and have not seen that yet.
/// Dead ones never will, so when there are several dead, and none says that it won, the ends
/// decide. The owner's end is a boundary. A wrong end cannot lie before it: there all is zero,
/// since the owner writes nothing before it says that it won. So it is the nearest end that is a
/// boundary.
std::optional<std::uint64_t> RingReader::abandoned_length() {
  std::uint64_t nearest = memory_->max_record() + kRecordAlign;  // refused by the caller
  bool won = false;
  for (unsigned i = 0; i < memory_->slots(); ++i) {
    RingSlot& slot = memory_->slot(i);
    const auto here = [&](std::uint64_t intent) {
      return (intent & kNoIntent) == 0 && (intent & ~kIntentFlags) == position_;
    };
    if (!here(slot.intent.load(std::memory_order_acquire))) continue;
    if (is_byte_locked(lock_, slot_byte(i))) return std::nullopt;
    // Dead, so this is its last word. It may have gone on between the two looks.
    const std::uint64_t intent = slot.intent.load(std::memory_order_acquire);
    if (!here(intent) || won) continue;
    const std::uint64_t length = slot.length.load(std::memory_order_acquire);
    if (length == 0) continue;  // not written by our code
    won = (intent & kWon) != 0;
    if (won || (length < nearest && ends_a_reservation(position_ + length))) nearest = length;
  }
  if (memory_->word(position_).load(std::memory_order_acquire) != 0) return 0;
  return nearest;
}

/// Was `tail` ever there? With the order of the looks: who reserved from there has its intent there
/// until its word is.
bool RingReader::ends_a_reservation(std::uint64_t end) {
  const std::uint64_t tail = memory_->header().tail.load(std::memory_order_acquire);
  if (end == tail) return true;
  if (end % kRecordAlign != 0 || end - position_ > tail - position_) return false;
  for (unsigned i = 0; i < memory_->slots(); ++i) {
    const std::uint64_t intent = memory_->slot(i).intent.load(std::memory_order_acquire);
    if ((intent & kNoIntent) == 0 && (intent & ~kIntentFlags) == end) return true;
  }
  return memory_->word(end).load(std::memory_order_acquire) != 0;
}

}  // namespace brigade::detail
