// The producing end of a SharedRing. See shared_ring_layout.hpp for the protocol.
//
// Invariant: at any instruction the process may end, so the order of the stores is the protocol,
// also against the compiler. (Only against it where the reader waits for our death: the kernel
// drops our lock after everything that we did is visible.)
#pragma once

#include <brigade/shared_ring.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "shared/shared_ring_memory.hpp"
#include "shared/shared_ring_wait.hpp"

namespace brigade::detail {

/// Where in a push a test may end the process.
enum class RingStep {
  before_intent,
  after_intent,
  after_reserve,
  after_claim,
  half_written,
  before_commit,
  after_commit
};
struct NoRingHook {
  void operator()(RingStep) const {}
};

class RingWriter {
 public:
  using Messages = std::span<const std::span<const std::byte>>;

  /// Takes a free slot.
  static Result<std::unique_ptr<RingWriter>> create(std::shared_ptr<RingMemory> memory);
  RingWriter(std::shared_ptr<RingMemory> memory, Fd lock, unsigned slot);
  ~RingWriter();
  RingWriter(const RingWriter&) = delete;
  RingWriter& operator=(const RingWriter&) = delete;

  /// Pushes as many as fit, at most a quarter of the ring.
  template <class Hook = NoRingHook>
  RingCount push_some(Messages messages, Hook hook = {});
  /// All of them that fit.
  RingCount push_now(Messages messages);
  RingCount push_all(Messages messages, Duration timeout);

  RingMemory& memory() { return *memory_; }

 private:
  struct Fit {
    std::size_t count = 0;
    std::uint64_t bytes = 0;
  };
  /// The first messages that go into `room` bytes.
  Fit fit(Messages messages, std::uint64_t room) const;
  /// Those that fit behind `tail`, looking at `head` only when it matters. ok, full, corrupt, or
  /// empty for a `tail` that is out of date.
  RingStatus fit_behind(std::uint64_t tail, Messages messages, Fit& found);
  template <class Hook>
  RingStatus reserve(Messages messages, Fit& fit, std::uint64_t& position, Hook hook);
  template <class Hook>
  std::uint64_t write(Messages messages, std::uint64_t position, Hook hook);
  void wait_for_room(std::size_t length, TimePoint deadline);

  const std::shared_ptr<RingMemory> memory_;
  const Fd lock_;
  RingSlot& slot_;
  std::uint64_t known_head_;
  std::uint64_t own_tail_;  // with a single producer
};

inline RingWriter::Fit RingWriter::fit(Messages messages, std::uint64_t room) const {
  room = std::min(room, memory_->max_record());
  Fit fit;
  for (const auto& message : messages) {
    // Not record_size() first: that of an absurd length is small.
    if (message.size() > memory_->max_message()) break;
    const std::uint64_t size = record_size(message.size());
    if (size > room - fit.bytes) break;
    fit.bytes += size;
    ++fit.count;
  }
  return fit;
}

inline RingStatus RingWriter::fit_behind(std::uint64_t tail, Messages messages, Fit& found) {
  const std::uint64_t used = tail - known_head_;
  if (used <= memory_->capacity()) {
    found = fit(messages, memory_->capacity() - used);
    if (found.count == messages.size()) return RingStatus::ok;
  }
  known_head_ = memory_->header().head.load(std::memory_order_acquire);
  const std::int64_t really_used = distance(known_head_, tail);
  if (really_used < 0) return RingStatus::empty;
  if (static_cast<std::uint64_t>(really_used) > memory_->capacity()) return RingStatus::corrupt;
  found = fit(messages, memory_->capacity() - static_cast<std::uint64_t>(really_used));
  return found.count > 0 ? RingStatus::ok : RingStatus::full;
}

template <class Hook>
RingStatus RingWriter::reserve(Messages messages, Fit& fit, std::uint64_t& position, Hook hook) {
  auto& tail = memory_->header().tail;
  // Each failure means that another producer got on. So many in a row means that somebody writes
  // at random, which must not keep us here for ever.
  constexpr int kTries = 100'000;
  for (int i = 0; i < kTries; ++i) {
    position = tail.load(std::memory_order_acquire);
    if (position % kRecordAlign != 0) return RingStatus::corrupt;
    const RingStatus status = fit_behind(position, messages, fit);
    if (status == RingStatus::empty) {
      pause_briefly();
      continue;
    }
    if (status != RingStatus::ok) return status;

    hook(RingStep::before_intent);
    slot_.length.store(fit.bytes, std::memory_order_relaxed);
    slot_.intent.store(position, std::memory_order_release);
    hook(RingStep::after_intent);
    std::uint64_t expected = position;
    if (tail.compare_exchange_strong(expected, position + fit.bytes, std::memory_order_acq_rel,
                                     std::memory_order_relaxed)) {
      hook(RingStep::after_reserve);
      slot_.intent.store(position | kWon, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
      hook(RingStep::after_claim);
      return RingStatus::ok;
    }
    pause_briefly();
  }
  return RingStatus::corrupt;
}

/// All but the first word, which is returned.
template <class Hook>
std::uint64_t RingWriter::write(Messages messages, std::uint64_t position, Hook hook) {
  std::uint64_t first = 0;
  std::uint64_t at = position;
  for (const auto& message : messages) {
    std::byte* const place = memory_->at(at) + sizeof(std::uint64_t);
    if constexpr (!std::is_same_v<Hook, NoRingHook>) {
      if (message.size() > 1) std::memcpy(place, message.data(), message.size() / 2);
      hook(RingStep::half_written);
    }
    if (!message.empty()) std::memcpy(place, message.data(), message.size());
    const std::uint64_t word = memory_->tag(at, message.data(), message.size()) | kCommitted |
                               static_cast<std::uint64_t>(message.size());
    if (at == position) {
      first = word;
    } else {
      memory_->word(at).store(word, std::memory_order_relaxed);
    }
    at += record_size(message.size());
  }
  return first;
}

template <class Hook>
RingCount RingWriter::push_some(Messages messages, Hook hook) {
  if (const RingState state = memory_->state(); state != RingState::open) [[unlikely]] {
    return {state == RingState::closed ? RingStatus::closed : RingStatus::corrupt, 0};
  }
  if (messages.empty()) return {};
  if (messages.front().size() > memory_->max_message()) return {RingStatus::too_large, 0};
  RingHeader& header = memory_->header();
  Fit fit;
  if (memory_->single_producer()) {
    const std::uint64_t position = own_tail_;
    RingStatus status = fit_behind(position, messages, fit);
    if (status == RingStatus::empty) status = RingStatus::corrupt;  // ahead of our own tail
    if (status == RingStatus::corrupt) memory_->mark_corrupt();
    if (status != RingStatus::ok) return {status, 0};
    hook(RingStep::before_intent);
    const std::uint64_t first = write(messages.first(fit.count), position, hook);
    memory_->word(position).store(first, std::memory_order_relaxed);
    hook(RingStep::before_commit);
    own_tail_ = position + fit.bytes;
    header.tail.exchange(own_tail_);  // for wake_sleepers()
  } else {
    std::uint64_t position = 0;
    const RingStatus status = reserve(messages, fit, position, hook);
    if (status != RingStatus::ok) {
      // Or the consumer would wait for us where the one that did reserve has died.
      slot_.intent.store(kNoIntent, std::memory_order_release);
      if (status == RingStatus::corrupt) memory_->mark_corrupt();
      return {status, 0};
    }
    const std::uint64_t first = write(messages.first(fit.count), position, hook);
    hook(RingStep::before_commit);
    memory_->word(position).exchange(first);
  }
  hook(RingStep::after_commit);
  wake_sleepers(header.consumer_sleeps);
  return {RingStatus::ok, fit.count};
}

}  // namespace brigade::detail
