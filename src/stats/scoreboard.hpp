// The scoreboard: one shared segment with every worker's figures. Any process that has it mapped
// reads it without asking anybody, and what a worker counted outlives the worker.
//
// Invariants:
// - There is no lock in it, so nobody can die or be stopped while holding one.
// - Counters of a slot are never reset, not when its worker dies and not when another gets the
// slot.
//   The sum over all slots is therefore right after a death at any instruction: there is no moment
//   at which a dead worker's counts are moved, and so none at which they are lost or counted twice.
// - To show what the present worker did, the primary copies the counters to the slot's `base` when
// it
//   gives the slot out; a worker's own figure is slot minus base.
// - Gauges are true of a living process only. The primary clears them in `release_slot`, once it
// has
//   reaped the worker: before that, the worker could write them again.
// - Each figure has one kind of writer (see slot.hpp). The exception is the maximum latency, which
//   cannot be subtracted: the primary moves it to the base while the slot has no worker.
// - A worker runs application code, so a reader believes nothing: sizes are checked against the
// sealed
//   mapping once, at attach, and kept outside it; no index or enum is used as it stands.
#pragma once

#include <brigade/result.hpp>
#include <brigade/shared_segment.hpp>

#include <cstdint>
#include <optional>
#include <utility>

#include "stats/slot.hpp"

namespace brigade::stats {

/// What the primary knows of a worker before it spawns it. The pid is set on the entry afterwards.
struct SlotClaim {
  /// Not 0, never used before.
  std::uint64_t id = 0;
  std::uint32_t number = 0;
  std::uint64_t generation = 0;
  std::uint64_t restarts = 0;
};

/// Move-only. Give it as many slots as workers can be alive at once: twice the number of workers,
/// as a reload starts successors first. A single process takes `create(1)` and claims the slot
/// itself. Thread: slots and readers, any; claim_slot, release_slot, add_ and remove_listener, the
/// primary's.
class Scoreboard {
 public:
  /// `slots` is 1 to kMaxSlots. Takes 64 bytes per slot and what is touched of its 16 KB.
  static Result<Scoreboard> create(unsigned slots);
  /// Maps the board of another process. Refuses a segment of another size, version or layout.
  static Result<Scoreboard> attach(Fd fd);

  /// This process is the primary from now on.
  void take_over();

  /// How many there are; the indices below are less, or std::out_of_range is thrown.
  unsigned slots() const { return slots_; }
  Entry& entry(unsigned index) { return entries()[checked(index)]; }
  const Entry& entry(unsigned index) const { return entries()[checked(index)]; }
  Slot& slot(unsigned index) { return all_slots()[checked(index)]; }
  const Slot& slot(unsigned index) const { return all_slots()[checked(index)]; }
  /// The counters of `slot` when its present worker got it. Its gauges mean nothing.
  const Slot& base(unsigned index) const { return all_slots()[slots_ + checked(index)]; }
  Header& header() { return *at<Header>(0); }
  const Header& header() const { return *at<Header>(0); }

  /// Gives a free slot to a new worker, in state `starting`. Fails when none is free.
  Result<unsigned> claim_slot(const SlotClaim& claim);
  /// Takes the slot of a worker that was reaped: clears its gauges, and its bit in every listener.
  void release_slot(unsigned index);

  /// `index` is less than kMaxListeners, or std::out_of_range is thrown.
  ListenerBoard& listener(unsigned index);
  /// Finds or makes the board of a listening socket; `key` is not 0. Fails when all are in use.
  Result<unsigned> add_listener(std::uint64_t key);
  std::optional<unsigned> find_listener(std::uint64_t key) const;
  void remove_listener(unsigned index);

  const Fd& fd() const { return segment_.fd(); }
  std::size_t size() const { return segment_.size(); }

 private:
  Scoreboard(SharedSegment segment, unsigned slots) : segment_(std::move(segment)), slots_(slots) {}

  template <class T>
  T* at(std::size_t offset) {
    return static_cast<T*>(static_cast<void*>(segment_.data() + offset));
  }
  template <class T>
  const T* at(std::size_t offset) const {
    return static_cast<const T*>(static_cast<const void*>(segment_.data() + offset));
  }
  Entry* entries() { return at<Entry>(sizeof(Header)); }
  const Entry* entries() const { return at<Entry>(sizeof(Header)); }
  /// The slots, and then their bases.
  Slot* all_slots() { return at<Slot>(slots_offset(slots_)); }
  const Slot* all_slots() const { return at<Slot>(slots_offset(slots_)); }

  static constexpr std::size_t slots_offset(unsigned slots) {
    return (sizeof(Header) + slots * sizeof(Entry) + kPage - 1) / kPage * kPage;
  }
  static constexpr std::size_t layout_size(unsigned slots) {
    return slots_offset(slots) + 2 * std::size_t{slots} * sizeof(Slot);
  }
  unsigned checked(unsigned index) const;
  void take_base(unsigned index);

  SharedSegment segment_;
  // From the header, once, at attach. A worker that scribbles over the header must not be able to
  // send a reader outside the mapping.
  unsigned slots_;
};

}  // namespace brigade::stats
