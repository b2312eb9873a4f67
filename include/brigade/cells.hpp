// Numbers that may lie in shared memory, by who may write them.
//
// All are relaxed: each figure stands for itself, and no reader draws a conclusion from the order
// of two of them. All are address-free and zero is their starting value, so that a fresh memfd
// needs no construction.
#pragma once

#include <atomic>
#include <cstdint>

namespace brigade {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<std::int64_t>::is_always_lock_free);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

/// A value with one writer at a time.
template <class T>
struct Cell {
  std::atomic<T> v;

  void set(T value) { v.store(value, std::memory_order_relaxed); }
  T get() const { return v.load(std::memory_order_relaxed); }
};

/// Counts up; one writer. A load and a store instead of fetch_add: nobody else writes, so the bus
/// lock (some 20 cycles, and a full barrier) would buy nothing. Compiles to a plain `add [mem], n`.
struct Counter {
  std::atomic<std::uint64_t> v;

  void add(std::uint64_t n = 1) {
    v.store(v.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) { v.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const { return v.load(std::memory_order_relaxed); }
};

/// Counts up; any thread.
struct SharedCounter {
  std::atomic<std::uint64_t> v;

  void add(std::uint64_t n = 1) { v.fetch_add(n, std::memory_order_relaxed); }
  void set(std::uint64_t value) { v.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const { return v.load(std::memory_order_relaxed); }
};

/// Goes up and down; one writer. Below zero reads as zero: a gauge that was cleared while its
/// worker still had something to subtract must not show as 18 quintillion.
struct Gauge {
  std::atomic<std::int64_t> v;

  void add(std::int64_t n = 1) {
    v.store(v.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(std::int64_t n = 1) { add(-n); }
  void set(std::int64_t value) { v.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const {
    const std::int64_t value = v.load(std::memory_order_relaxed);
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
  }
};

/// Goes up and down; any thread. Below zero reads as zero.
struct SharedGauge {
  std::atomic<std::int64_t> v;

  void add(std::int64_t n = 1) { v.fetch_add(n, std::memory_order_relaxed); }
  void sub(std::int64_t n = 1) { v.fetch_sub(n, std::memory_order_relaxed); }
  void set(std::int64_t value) { v.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const {
    const std::int64_t value = v.load(std::memory_order_relaxed);
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
  }
};

}  // namespace brigade
