// What stands in the scoreboard: the layout that processes of one build, or of two during a reload,
// agree on. Any change here changes kLayoutVersion.
//
// Every cache line has one kind of writer: the primary, one worker's loop thread, or one worker's
// pool.
#pragma once

#include <brigade/cells.hpp>
#include <brigade/loop_meter.hpp>
#include <brigade/pool_meter.hpp>
#include <brigade/stats.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <type_traits>

#include "stats/histogram.hpp"

namespace brigade::stats {

inline constexpr std::uint64_t kMagic = 0x0065'6461'6769'7262;  // "brigade"
inline constexpr std::uint32_t kLayoutVersion = 5;
inline constexpr unsigned kMaxSlots = 256;
inline constexpr unsigned kMaxListeners = 16;
inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::size_t kPage = 4096;

/// Who accepts from one listening socket. Bit n of word n / 64 is set while the worker in slot n
/// has the socket in its epoll set. The one place in the board with several writers.
struct alignas(kCacheLine) ListenerBoard {
  /// A hash of the address, 0 while unused. Written by the primary.
  Cell<std::uint64_t> key;
  std::atomic<std::uint64_t> listed[kMaxSlots / 64];

  bool is_listed(unsigned slot) const {
    return (listed[slot / 64 % std::size(listed)].load() & bit(slot)) != 0;
  }
  void join(unsigned slot) { listed[slot / 64 % std::size(listed)].fetch_or(bit(slot)); }
  void leave(unsigned slot) { listed[slot / 64 % std::size(listed)].fetch_and(~bit(slot)); }

  /// Leaves, unless that would leave nobody: `fresh(n)` says whether a listed sibling below `slots`
  /// can be relied on. Returns whether it left.
  ///
  /// Takes its own bit away first and looks for a sibling then. A compare-and-swap of a word that
  /// shows a sibling would do for 64 slots, but two workers in different words could each leave
  /// because of the other. This way, as all steps are sequentially consistent, at least one of two
  /// that leave together sees the other gone and stays. (Both may; they try again.) A worker that
  /// is killed in between is merely off the list a little before the primary takes it off.
  template <class Fresh>
  bool leave_if_served(unsigned slot, unsigned slots, Fresh fresh) {
    leave(slot);
    for (unsigned n = 0; n < slots; ++n) {
      if (n != slot && is_listed(n) && fresh(n)) return true;
    }
    join(slot);
    return false;
  }

 private:
  static constexpr std::uint64_t bit(unsigned slot) { return std::uint64_t{1} << slot % 64; }
};

struct Header {
  /// The layout; written once, before anyone else can see the segment.
  struct alignas(kCacheLine) Layout {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t slots;
    std::uint32_t header_size;
    std::uint32_t entry_size;
    std::uint32_t slot_size;
  } layout;

  /// Written by the primary.
  struct alignas(kCacheLine) Primary {
    Cell<std::int32_t> pid;
    Cell<std::uint64_t> started_unix_ms;
    /// Goes up by one with every reload.
    Cell<std::uint64_t> generation;
    Counter restarts;
    /// The last worker's; a new primary goes on from here.
    Cell<std::uint64_t> last_id;
  } primary;

  ListenerBoard listeners[kMaxListeners];
};

/// One worker, as the primary sees it. Entries stand close together, so that a reader finds the few
/// used slots of 256 without touching the pages of the others. Written by the primary only.
struct alignas(kCacheLine) Entry {
  /// The worker's id, 0 while the slot is free. Stored last (release) when the slot is given out.
  std::atomic<std::uint64_t> id;
  /// How often the slot was given out. 0: its pages were never touched.
  Counter claims;
  Cell<std::uint64_t> generation;
  Cell<std::uint64_t> restarts;
  Cell<std::uint64_t> started_unix_ms;
  /// std::chrono::steady_clock, which all processes of a machine share.
  Cell<std::uint64_t> started_steady_ns;
  Cell<std::uint32_t> number;
  Cell<std::int32_t> pid;
  Cell<std::uint32_t> state_word;
  Cell<std::uint32_t> stopped;

  void set_state(WorkerState state) { state_word.set(static_cast<std::uint32_t>(state)); }
  /// A word that is no state reads as dead.
  WorkerState state() const {
    const std::uint32_t word = state_word.get();
    return word < static_cast<std::uint32_t>(WorkerState::dead) ? static_cast<WorkerState>(word)
                                                                : WorkerState::dead;
  }
};

/// Written by the worker's loop thread only. The first line is the one that siblings and the
/// watchdog look at.
struct alignas(kCacheLine) LoopFigures {
  Gauge connections_open;
  LoopMeter meter;
  Gauge in_flight;

  Counter connections_total;
  Counter requests;
  /// By status class: [0] is 1xx.
  Counter responses[5];
  Counter bytes_in;
  Counter bytes_out;

  /// Counts a finished response; a status outside 100 to 599 counts as 5xx.
  void add_response(unsigned status) {
    const unsigned index = status / 100 - 1;
    responses[index < 5 ? index : 4].add();
  }
};

/// Written by any thread of the worker's pools.
struct alignas(kCacheLine) PoolFigures : PoolMeter {};

/// How primary and worker agree on who is looked after, so that neither wakes for an idle one.
struct alignas(kCacheLine) Watch {
  /// Set by the primary when it looks no more; the worker's loop takes it back when it wakes, and
  /// says so. Both may write at once: whatever comes out, the primary looks once more after it has
  /// set this.
  std::atomic<std::uint32_t> unwatched;
  /// Of the loop, which then reports its stack when asked; 0: it does not. Written by the worker.
  Cell<std::int32_t> loop_thread;
};

/// One worker's figures. On pages of its own, so that a slot nobody used costs nothing.
struct alignas(kPage) Slot {
  LoopFigures loop;
  PoolFigures pool;
  /// Connections that the primary hands to this worker, by ListenerBoard: see cluster/offer.hpp.
  /// Written by the primary and the loop thread.
  alignas(kCacheLine) std::atomic<std::uint64_t> offers[kMaxListeners];
  Watch watch;
  /// Of requests, in microseconds. Written by the loop thread.
  alignas(kCacheLine) Histogram latency;
};

static_assert(sizeof(ListenerBoard) == kCacheLine);
static_assert(sizeof(Entry) == kCacheLine);
static_assert(sizeof(PoolFigures) == kCacheLine);
static_assert(sizeof(Watch) == kCacheLine);
static_assert(sizeof(Slot) == 2 * kPage);
static_assert(std::is_standard_layout_v<Header> && std::is_standard_layout_v<Entry> &&
              std::is_standard_layout_v<Slot>);
static_assert(std::is_trivially_destructible_v<Header> && std::is_trivially_destructible_v<Slot>);

}  // namespace brigade::stats
