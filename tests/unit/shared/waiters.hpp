// Who waits on a word, for tests that must not go on before a thread is in the kernel's queue.
#pragma once

#include <brigade/atomics.hpp>

#include "shared/futex.hpp"
#include "support/patience.hpp"

#include <climits>

namespace brigade::testing_support {

/// Moves nobody: from a word to itself.
template <class Place>
int count_waiters(Place&& place) {
  std::uint32_t& word = atomics::detail::word_of(place);
  return detail::futex_move(word, std::atomic_ref(word).load(), word, INT_MAX);
}

template <class Place>
bool until_waiting(Place&& place, int count) {
  return eventually([&] { return count_waiters(place) == count; });
}

}  // namespace brigade::testing_support
