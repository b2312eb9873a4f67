#include "stats/scoreboard.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>

namespace brigade::stats {
namespace {

std::uint64_t unix_ms() {
  using namespace std::chrono;
  const auto now = system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(duration_cast<milliseconds>(now).count());
}

std::uint64_t steady_ns() {
  using namespace std::chrono;
  const auto now = steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(duration_cast<nanoseconds>(now).count());
}

void copy_counters(const LoopFigures& from, LoopFigures& to) {
  to.meter.busy_ns.set(from.meter.busy_ns.get());
  to.meter.idle_ns.set(from.meter.idle_ns.get());
  to.meter.turns.set(from.meter.turns.get());
  to.meter.cpu_ns.set(from.meter.cpu_ns.get());
  to.connections_total.set(from.connections_total.get());
  to.requests.set(from.requests.get());
  for (std::size_t i = 0; i < std::size(from.responses); ++i) {
    to.responses[i].set(from.responses[i].get());
  }
  to.bytes_in.set(from.bytes_in.get());
  to.bytes_out.set(from.bytes_out.get());
}

void copy_counters(const PoolFigures& from, PoolFigures& to) {
  to.done.set(from.done.get());
  to.failed.set(from.failed.get());
  to.refused.set(from.refused.get());
  to.cpu_ns.set(from.cpu_ns.get());
  to.run_ns.set(from.run_ns.get());
}

void clear_gauges(Slot& slot) {
  slot.loop.connections_open.set(0);
  slot.loop.in_flight.set(0);
  slot.loop.meter.busy_since_ns.set(0);
  slot.loop.meter.lag_ns.set(0);
  slot.pool.threads.set(0);
  slot.pool.busy.set(0);
  slot.pool.queued.set(0);
  slot.watch.unwatched.store(0, std::memory_order_relaxed);
  slot.watch.loop_thread.set(0);
}

}  // namespace

Result<Scoreboard> Scoreboard::create(unsigned slots) {
  if (slots == 0 || slots > kMaxSlots) {
    return Error(EINVAL, fmt::format("scoreboard: {} slots, not 1 to {}", slots, kMaxSlots));
  }
  auto segment = SharedSegment::create("brigade-scoreboard", layout_size(slots));
  if (!segment) return segment.error();
  Scoreboard board(std::move(*segment), slots);
  Header& header = board.header();
  header.layout = {kMagic, kLayoutVersion, slots, sizeof(Header), sizeof(Entry), sizeof(Slot)};
  board.take_over();
  return board;
}

void Scoreboard::take_over() {
  header().primary.pid.set(::getpid());
  header().primary.started_unix_ms.set(unix_ms());
}

Result<Scoreboard> Scoreboard::attach(Fd fd) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) {
    return Error::from_errno(errno, fmt::format("scoreboard: fstat of fd {}", fd.get()));
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  // The first look at the header needs a header; attach() checks that the size is sealed.
  if (size < layout_size(1) || size > layout_size(kMaxSlots)) {
    return Error(EINVAL, fmt::format("scoreboard: fd {} of {} bytes is none", fd.get(), size));
  }
  auto segment = SharedSegment::attach(std::move(fd), size);
  if (!segment) return segment.error();
  Scoreboard board(std::move(*segment), 0);
  const Header::Layout layout = board.header().layout;
  if (layout.magic != kMagic) return Error(EINVAL, "scoreboard: the segment is another's");
  if (layout.version != kLayoutVersion) {
    return Error(EINVAL, fmt::format("scoreboard: layout version {}, this program knows {}",
                                     layout.version, kLayoutVersion));
  }
  if (layout.header_size != sizeof(Header) || layout.entry_size != sizeof(Entry) ||
      layout.slot_size != sizeof(Slot)) {
    return Error(EINVAL, "scoreboard: laid out by a differently built program");
  }
  if (layout.slots == 0 || layout.slots > kMaxSlots || layout_size(layout.slots) != size) {
    return Error(EINVAL,
                 fmt::format("scoreboard: {} slots do not fit {} bytes", layout.slots, size));
  }
  board.slots_ = layout.slots;
  return board;
}

unsigned Scoreboard::checked(unsigned index) const {
  if (index >= slots_) throw std::out_of_range("scoreboard: no such slot");
  return index;
}

Result<unsigned> Scoreboard::claim_slot(const SlotClaim& claim) {
  if (claim.id == 0) return Error(EINVAL, "scoreboard: a worker's id is never 0");
  for (unsigned index = 0; index < slots_; ++index) {
    Entry& entry = this->entry(index);
    if (entry.id.load(std::memory_order_relaxed) != 0) continue;
    // All zero the first time, and copying that would only take memory.
    if (entry.claims.get() != 0) take_base(index);
    header().primary.last_id.set(claim.id);
    entry.claims.add();
    entry.generation.set(claim.generation);
    entry.restarts.set(claim.restarts);
    entry.started_unix_ms.set(unix_ms());
    entry.started_steady_ns.set(steady_ns());
    entry.number.set(claim.number);
    entry.pid.set(0);
    entry.stopped.set(0);
    entry.set_state(WorkerState::starting);
    entry.id.store(claim.id, std::memory_order_release);
    return index;
  }
  return Error(ENOSPC, fmt::format("scoreboard: all {} slots are taken", slots_));
}

void Scoreboard::take_base(unsigned index) {
  Slot& from = slot(index);
  Slot& to = all_slots()[slots_ + index];
  copy_counters(from.loop, to.loop);
  copy_counters(from.pool, to.pool);
  for (std::size_t i = 0; i < kBuckets; ++i) {
    to.latency.buckets[i].set(from.latency.buckets[i].get());
  }
  to.latency.sum_us.set(from.latency.sum_us.get());
  // In this order a death in between leaves the maximum twice, which is harmless, not lost.
  to.latency.max_us.set(std::max(to.latency.max_us.get(), from.latency.max_us.get()));
  from.latency.max_us.set(0);
}

void Scoreboard::release_slot(unsigned index) {
  Entry& entry = this->entry(index);
  entry.set_state(WorkerState::dead);
  for (ListenerBoard& board : header().listeners) board.leave(index);
  clear_gauges(slot(index));
  entry.id.store(0, std::memory_order_release);
}

ListenerBoard& Scoreboard::listener(unsigned index) {
  if (index >= kMaxListeners) throw std::out_of_range("scoreboard: no such listener");
  return header().listeners[index];
}

Result<unsigned> Scoreboard::add_listener(std::uint64_t key) {
  if (key == 0) return Error(EINVAL, "scoreboard: a listener's key is never 0");
  if (const auto found = find_listener(key)) return *found;
  for (unsigned index = 0; index < kMaxListeners; ++index) {
    ListenerBoard& board = listener(index);
    if (board.key.get() != 0) continue;
    for (auto& word : board.listed) word.store(0);
    board.key.set(key);
    return index;
  }
  return Error(ENOSPC, fmt::format("scoreboard: more than {} listeners", kMaxListeners));
}

std::optional<unsigned> Scoreboard::find_listener(std::uint64_t key) const {
  for (unsigned index = 0; key != 0 && index < kMaxListeners; ++index) {
    if (header().listeners[index].key.get() == key) return index;
  }
  return std::nullopt;
}

void Scoreboard::remove_listener(unsigned index) {
  listener(index).key.set(0);
}

}  // namespace brigade::stats
