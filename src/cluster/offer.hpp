// Who has a connection that the primary has handed to a worker: a word in shared memory.
//
// A descriptor that was sent cannot be called back. So the worker, before it touches the
// connection, takes it here, and the primary, before it gives it to another, takes it back here:
// one of the two wins. When the worker is dead the word says whether it had begun.
#pragma once

#include <atomic>
#include <cstdint>

namespace brigade::cluster::detail {

class Offer {
 public:
  explicit Offer(std::atomic<std::uint64_t>& word) : word_(word) {}

  /// The primary's. One at a time.
  void make(std::uint32_t sequence) { word_.store(value(sequence, open)); }
  bool take_back(std::uint32_t sequence) { return change(sequence, closed); }
  bool is_taken(std::uint32_t sequence) const { return word_.load() == value(sequence, taken); }
  /// The worker's.
  bool take(std::uint32_t sequence) { return change(sequence, taken); }
  bool refuse(std::uint32_t sequence) { return change(sequence, closed); }

 private:
  enum State : std::uint64_t { open = 1, taken = 2, closed = 3 };

  static std::uint64_t value(std::uint32_t sequence, State state) {
    return std::uint64_t{sequence} << 2 | state;
  }
  bool change(std::uint32_t sequence, State to) {
    std::uint64_t expected = value(sequence, open);
    return word_.compare_exchange_strong(expected, value(sequence, to));
  }

  std::atomic<std::uint64_t>& word_;
};

}  // namespace brigade::cluster::detail
