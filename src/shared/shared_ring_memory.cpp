#include "shared/shared_ring_memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "shared/shared_ring_wait.hpp"

namespace brigade::detail {
namespace {

std::size_t page_size() {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t header_bytes(std::size_t slots) {
  const std::size_t page = page_size();
  return (sizeof(RingHeader) + slots * sizeof(RingSlot) + page - 1) / page * page;
}

/// The records twice in a row: a record that runs over the end goes on at the beginning. Costs
/// address space instead of a filler record, and its repair, at each turn.
Result<std::byte*> map_twice(const Fd& fd, std::size_t offset, std::size_t capacity) {
  // Room for both first, so that nothing else can be mapped in between.
  void* const room =
      ::mmap(nullptr, 2 * capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) {
    return Error::from_errno(errno,
                             fmt::format("shared ring: {} bytes of address space", 2 * capacity));
  }
  auto* const first = static_cast<std::byte*>(room);
  for (std::byte* place : {first, first + capacity}) {
    if (::mmap(place, capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd.get(),
               static_cast<off_t>(offset)) == MAP_FAILED) {
      const int code = errno;
      ::munmap(room, 2 * capacity);
      return Error::from_errno(code, fmt::format("shared ring: map {} bytes", capacity));
    }
  }
  return first;
}

Result<std::shared_ptr<RingMemory>> make(SharedSegment segment, std::size_t header_size,
                                         const RingLayout& layout) {
  auto records = map_twice(segment.fd(), header_size, layout.capacity);
  if (!records) return records.error();
  return std::make_shared<RingMemory>(std::move(segment), *records, layout);
}

Result<void> check(const RingLayout& layout, std::size_t size) {
  if (layout.magic != kRingMagic) {
    return Error(EINVAL, "shared ring: the memory is no ring");
  }
  if (layout.version != kRingVersion || layout.header_size != sizeof(RingHeader)) {
    return Error(EINVAL,
                 fmt::format("shared ring: layout version {} (header {}), this program "
                             "knows {} ({}); run the same build on both sides",
                             layout.version, layout.header_size, kRingVersion, sizeof(RingHeader)));
  }
  if (layout.slots == 0 || layout.slots > 2 * kMaxRingProducers ||
      !std::has_single_bit(layout.capacity) || layout.capacity < page_size() ||
      layout.capacity > kMaxRingCapacity || header_bytes(layout.slots) + layout.capacity != size) {
    return Error(EINVAL, fmt::format("shared ring: {} bytes and {} slots do not fit memory of {}",
                                     layout.capacity, layout.slots, size));
  }
  return {};
}

/// Each step is one to one both in the sum so far and in the word, so that a change of any single
/// word always changes the 64-bit sum. Good against accidents, no defence against intent.
std::uint64_t checksum_of(const std::byte* data, std::size_t length) {
  std::uint64_t sum = length;
  const auto add = [&sum](std::uint64_t word) {
    sum = (sum ^ word) * 0x9e37'79b9'7f4a'7c15;
    sum ^= sum >> 32;
  };
  std::uint64_t word = 0;
  for (; length >= sizeof word; data += sizeof word, length -= sizeof word) {
    std::memcpy(&word, data, sizeof word);
    add(word);
  }
  if (length != 0) {
    word = 0;
    std::memcpy(&word, data, length);
    add(word);
  }
  return sum;
}

}  // namespace

Result<std::shared_ptr<RingMemory>> RingMemory::create(const SharedRingOptions& options,
                                                       std::uint64_t start) {
  if (options.capacity == 0 || options.capacity > kMaxRingCapacity) {
    return Error(EINVAL, fmt::format("shared ring {}: a capacity of {} bytes, not 1 to {}",
                                     options.name, options.capacity, kMaxRingCapacity));
  }
  if (options.producers == 0 || options.producers > kMaxRingProducers) {
    return Error(EINVAL, fmt::format("shared ring {}: {} producers, not 1 to {}", options.name,
                                     options.producers, kMaxRingProducers));
  }
  const std::size_t capacity = std::bit_ceil(std::max(options.capacity, page_size()));
  const unsigned slots = options.producers == 1 ? 1 : 2 * options.producers;
  const std::size_t header_size = header_bytes(slots);
  auto segment = SharedSegment::create(options.name, header_size + capacity);
  if (!segment) return segment.error();

  auto& header = *static_cast<RingHeader*>(static_cast<void*>(segment->data()));
  header.layout = {.magic = kRingMagic,
                   .version = kRingVersion,
                   .header_size = sizeof(RingHeader),
                   .capacity = capacity,
                   .slots = slots,
                   .single_producer = options.producers == 1,
                   .checksum = options.checksum};
  for (auto* position : {&header.tail, &header.head, &header.releasing}) {
    position->store(start, std::memory_order_relaxed);
  }
  auto memory = make(std::move(*segment), header_size, header.layout);
  if (!memory) return memory.error();
  for (unsigned i = 0; i < slots; ++i) {
    (*memory)->slot(i).intent.store(kNoIntent, std::memory_order_relaxed);
  }
  return memory;
}

Result<std::shared_ptr<RingMemory>> RingMemory::attach(Fd fd) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) {
    return Error::from_errno(errno, fmt::format("shared ring: fstat of fd {}", fd.get()));
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  // The first look at the header needs a header; SharedSegment checks that the size is sealed.
  if (size < header_bytes(1) + page_size() ||
      size > header_bytes(2 * kMaxRingProducers) + kMaxRingCapacity) {
    return Error(EINVAL, fmt::format("shared ring: fd {} of {} bytes is none", fd.get(), size));
  }
  auto segment = SharedSegment::attach(std::move(fd), size);
  if (!segment) return segment.error();
  // A copy, so that what is checked is what is used.
  RingLayout layout{};
  std::memcpy(&layout, segment->data(), sizeof layout);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (auto checked = check(layout, size); !checked) return checked.error();
  return make(std::move(*segment), header_bytes(layout.slots), layout);
}

RingMemory::RingMemory(SharedSegment segment, std::byte* records, const RingLayout& layout)
    : segment_(std::move(segment)),
      header_(*static_cast<RingHeader*>(static_cast<void*>(segment_.data()))),
      slots_(static_cast<RingSlot*>(static_cast<void*>(segment_.data() + sizeof(RingHeader)))),
      records_(records),
      mask_(layout.capacity - 1),
      slots_count_(layout.slots),
      single_producer_(layout.single_producer != 0),
      checksum_(layout.checksum != 0) {}

RingMemory::~RingMemory() {
  ::munmap(records_, 2 * capacity());
}

std::uint64_t RingMemory::tag(std::uint64_t position, const std::byte* message,
                              std::size_t length) const {
  const std::uint64_t tag = record_tag(position);
  return checksum_ ? tag ^ (checksum_of(message, length) << 32) : tag;
}

RingState RingMemory::state() const {
  const std::uint32_t state = header_.state.load();
  return state <= 1 ? RingState{state} : RingState::corrupt;
}

RingStatus RingMemory::mark_corrupt() {
  close(RingState::corrupt);
  return RingStatus::corrupt;
}

void RingMemory::close(RingState state) {
  // To corrupt from any, to closed only from open.
  std::uint32_t open = 0;
  if (state == RingState::corrupt) {
    header_.state.store(static_cast<std::uint32_t>(state));
  } else {
    header_.state.compare_exchange_strong(open, static_cast<std::uint32_t>(state));
  }
  wake_sleepers(header_.consumer_sleeps);
  wake_sleepers(header_.producers_sleep);
}

}  // namespace brigade::detail
