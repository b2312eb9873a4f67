#include "shared/shared_ring_writer.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "shared/shared_ring_lock.hpp"

namespace brigade::detail {
namespace {

/// May the slot of a dead producer be used again? Not while the consumer may need its intent. With
/// the lock on the slot taken.
bool is_settled(RingMemory& memory, unsigned slot) {
  if (memory.single_producer()) return true;  // which has no intents
  const std::uint64_t intent = memory.slot(slot).intent.load(std::memory_order_acquire);
  if ((intent & kNoIntent) != 0) return true;
  const std::uint64_t position = intent & ~kIntentFlags;
  RingHeader& header = memory.header();
  if (distance(position, header.head.load(std::memory_order_acquire)) > 0) return true;  // passed
  // Never reserved, and now never will be.
  return header.tail.load(std::memory_order_acquire) == position;
}

}  // namespace

Result<std::unique_ptr<RingWriter>> RingWriter::create(std::shared_ptr<RingMemory> memory) {
  auto lock = open_again(memory->fd());
  if (!lock) return lock.error();
  for (unsigned slot = 0; slot < memory->slots(); ++slot) {
    if (!try_lock_byte(*lock, slot_byte(slot))) continue;
    if (is_settled(*memory, slot)) {
      return std::make_unique<RingWriter>(std::move(memory), std::move(*lock), slot);
    }
    unlock_byte(*lock, slot_byte(slot));
  }
  return Error(EAGAIN,
               memory->single_producer()
                   ? "shared ring: it has its one producer already; create it with more producers"
                   : fmt::format("shared ring: all {} producers' slots are taken; create it with "
                                 "more producers, or let the consumer read on",
                                 memory->slots()));
}

RingWriter::RingWriter(std::shared_ptr<RingMemory> memory, Fd lock, unsigned slot)
    : memory_(std::move(memory)),
      lock_(std::move(lock)),
      slot_(memory_->slot(slot)),
      known_head_(memory_->header().head.load(std::memory_order_acquire)),
      // Of no use when somebody scribbled over it, but then within the mapping, too.
      own_tail_(memory_->header().tail.load(std::memory_order_acquire) & ~(kRecordAlign - 1)) {
  slot_.intent.store(kNoIntent, std::memory_order_release);
}

RingWriter::~RingWriter() {
  // All that it reserved is committed.
  slot_.intent.store(kNoIntent, std::memory_order_release);
}

RingCount RingWriter::push_now(Messages messages) {
  RingCount total;
  do {
    const RingCount some = push_some(messages.subspan(total.count));
    total.status = some.status;
    total.count += some.count;
  } while (total.status == RingStatus::ok && total.count < messages.size());
  return total;
}

RingCount RingWriter::push_all(Messages messages, Duration timeout) {
  RingCount total = push_now(messages);
  if (total.status != RingStatus::full) return total;
  const TimePoint deadline = ring_deadline(timeout);
  for (Doubt doubt;;) {
    wait_for_room(messages[total.count].size(), deadline);
    const RingCount some = push_now(messages.subspan(total.count));
    total.status = some.status;
    total.count += some.count;
    if (total.status != RingStatus::full || monotonic_now() >= deadline) return total;
    if (some.count == 0) doubt.sleep_if_repeated(memory_->header().producers_sleep, deadline);
  }
}

void RingWriter::wait_for_room(std::size_t length, TimePoint deadline) {
  RingHeader& header = memory_->header();
  wait_a_slice(header.producers_sleep, deadline, kSlice, [&] {
    if (memory_->state() != RingState::open) return true;
    const std::uint64_t used =
        header.tail.load(std::memory_order_relaxed) - header.head.load(std::memory_order_relaxed);
    return memory_->capacity() - used >= record_size(length);
  });
}

}  // namespace brigade::detail
