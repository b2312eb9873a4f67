// How one thread ends another's atomics::wait.
#pragma once

#include "shared/futex.hpp"

#include <atomic>
#include <climits>

namespace brigade::detail {

/// Any thread may raise it; it stays raised, so a wait that comes later ends as well, until it is
/// cleared. Must outlive the waits of the threads that have it.
class StopWord {
 public:
  void raise() {
    std::atomic_ref(word_).store(1);
    futex_wake(word_, INT_MAX);
  }
  void clear() { std::atomic_ref(word_).store(0); }
  bool raised() const { return std::atomic_ref(word_).load() != 0; }

  const std::uint32_t& word() const { return word_; }

 private:
  alignas(4) mutable std::uint32_t word_ = 0;
};

/// This thread's waits also watch `word` from now on; null: none (where every thread starts).
void set_thread_stop_word(StopWord* word);
StopWord* thread_stop_word();

}  // namespace brigade::detail
