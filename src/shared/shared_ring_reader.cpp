#include "shared/shared_ring_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "shared/shared_ring_lock.hpp"
#include "shared/shared_ring_wait.hpp"

namespace brigade::detail {
namespace {

// A consumer as fast as its producer would look after each single message, and each look takes the
// line that the producer writes away from it, about 100 ns. So one that has found a message at so
// many looks in a row waits before the next for several: up to 1 µs later, two to three times as
// many a second. One that finds nothing, as where each message is an answer, does not.
constexpr int kChase = 4;
constexpr int kPause = 64;

}  // namespace

Result<std::unique_ptr<RingReader>> RingReader::create(std::shared_ptr<RingMemory> memory) {
  auto lock = open_again(memory->fd());
  if (!lock) return lock.error();
  if (!try_lock_byte(*lock, consumer_byte())) {
    return Error(EBUSY, "shared ring: it has a consumer already; destroy that one first");
  }
  return std::make_unique<RingReader>(std::move(memory), std::move(*lock));
}

RingReader::RingReader(std::shared_ptr<RingMemory> memory, Fd lock)
    : memory_(std::move(memory)),
      lock_(std::move(lock)),
      head_(memory_->header().head.load(std::memory_order_acquire)),
      position_(head_),
      known_tail_(head_) {
  RingHeader& header = memory_->header();
  const std::uint64_t used = header.tail.load(std::memory_order_acquire) - head_;
  const std::uint64_t done = header.releasing.load(std::memory_order_acquire) - head_;
  if (memory_->single_producer()) {
    if (head_ % kRecordAlign != 0 || used > memory_->capacity()) memory_->mark_corrupt();
    return;
  }
  if (head_ % kRecordAlign != 0 || done % kRecordAlign != 0 || used > memory_->capacity() ||
      done > used) {
    memory_->mark_corrupt();
    return;
  }
  // A predecessor died while it cleared what it had delivered.
  position_ += done;
  known_tail_ = position_;
  release();
}

RingReader::~RingReader() = default;

RingStatus RingReader::try_pop(std::vector<std::byte>& message) {
  std::span<const std::byte> found;
  const RingStatus status = next(found);
  if (status == RingStatus::ok) {
    message.assign(found.begin(), found.end());
    position_ += record_size(found.size());
  }
  release();
  return status;
}

RingStatus RingReader::pop(std::vector<std::byte>& message, Duration timeout) {
  RingStatus status = try_pop(message);
  if (status != RingStatus::empty) return status;
  status = wait(timeout);
  return status == RingStatus::ok ? try_pop(message) : status;
}

RingStatus RingReader::wait(Duration timeout) {
  const auto look = [this] {
    std::span<const std::byte> found;
    const RingStatus status = next(found);
    release();
    return status;
  };
  RingStatus status = look();
  if (status != RingStatus::empty) return status;
  const TimePoint deadline = ring_deadline(timeout);
  for (Doubt doubt;;) {
    sleep(deadline);
    status = look();
    if (status != RingStatus::empty || monotonic_now() >= deadline) return status;
    doubt.sleep_if_repeated(memory_->header().consumer_sleeps, deadline);
  }
}

RingCount RingReader::read(void* context, Visit visit, std::size_t max) {
  RingCount result{RingStatus::empty, 0};
  try {
    // And no more than a quarter at a time, so that producers need not wait for all of it.
    while (result.count < max && position_ - head_ < memory_->max_record()) {
      std::span<const std::byte> found;
      result.status = next(found);
      if (result.status != RingStatus::ok) break;
      visit(context, found);
      position_ += record_size(found.size());
      ++result.count;
    }
  } catch (...) {
    release();
    throw;
  }
  release();
  if (result.count > 0) result.status = RingStatus::ok;
  return result;
}

RingStatus RingReader::next(std::span<const std::byte>& message) {
  for (;;) {
    if (position_ == known_tail_) {
      const RingStatus status = look_for_tail();
      if (status != RingStatus::ok) return status;
    }
    const std::uint64_t word = memory_->word(position_).load(std::memory_order_acquire);
    if (word != 0) [[likely]] {
      stuck_ = false;
      return check_word(word, message);
    }
    if (memory_->single_producer()) return memory_->mark_corrupt();
    // Its owner may be kept from going on for long, and nobody waits for it any more.
    if (memory_->state() == RingState::corrupt) return RingStatus::corrupt;
    const RingStatus status = pass_abandoned();
    if (status != RingStatus::ok) return status;
  }
}

RingStatus RingReader::look_for_tail() {
  if (chase_ == kChase) {
    for (int i = 0; i < kPause; ++i) pause_briefly();
  }
  const RingState state = memory_->state();  // first: what was pushed before the end is delivered
  if (state == RingState::corrupt) return RingStatus::corrupt;
  const std::uint64_t tail = memory_->header().tail.load(std::memory_order_acquire);
  if (tail == position_) {
    chase_ = 0;
    return state == RingState::closed ? RingStatus::closed : RingStatus::empty;
  }
  if (tail % kRecordAlign != 0 || distance(position_, tail) < 0 ||
      tail - head_ > memory_->capacity()) {
    return memory_->mark_corrupt();
  }
  chase_ = std::min(chase_ + 1, kChase);
  known_tail_ = tail;
  return RingStatus::ok;
}

RingStatus RingReader::check_word(std::uint64_t word, std::span<const std::byte>& message) {
  const std::size_t length = word & (kCommitted - 1);
  if ((word & kCommitted) == 0 || length > memory_->max_message() ||
      record_size(length) > known_tail_ - position_) {
    return memory_->mark_corrupt();
  }
  message = {memory_->at(position_) + sizeof word, length};
  if (memory_->checksum()) {
    // What is checked must be what is delivered.
    copy_.assign(message.begin(), message.end());
    message = copy_;
  }
  const std::uint64_t tag = memory_->tag(position_, message.data(), length);
  if (tag >> 32 != word >> 32) return memory_->mark_corrupt();
  return RingStatus::ok;
}

bool RingReader::sees_message() {
  const RingState state = memory_->state();
  if (state == RingState::corrupt) return true;
  if (memory_->header().tail.load() == position_) return state == RingState::closed;
  return memory_->single_producer() || memory_->word(position_).load() != 0;
}

void RingReader::sleep(TimePoint deadline) {
  // Nobody wakes us when the owner of a reservation dies.
  constexpr Duration kLook = std::chrono::milliseconds(1);
  auto& flag = memory_->header().consumer_sleeps;
  wait_a_slice(flag, deadline, stuck_ ? kLook : kSlice, [this] { return sees_message(); });
  // Saves the producers a system call; and where it was not raised, the line they all read.
  if (flag.load(std::memory_order_relaxed) != 0) flag.store(0, std::memory_order_relaxed);
}

void RingReader::release() {
  if (position_ == head_) return;
  RingHeader& header = memory_->header();
  if (!memory_->single_producer()) {
    header.releasing.store(position_, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    std::memset(memory_->at(head_), 0, position_ - head_);
  }
  head_ = position_;
  header.head.exchange(head_);  // for wake_sleepers()
  wake_sleepers(header.producers_sleep);
}

}  // namespace brigade::detail
