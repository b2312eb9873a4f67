// What a process has, from the kernel's point of view: to be no more after than before.
#pragma once

#include <cstddef>
#include <string>

namespace stress {

struct Belongings {
  /// Without the helpers of wait_async, which are kept for the next wait.
  std::size_t threads = 0;
  std::size_t descriptors = 0;
  /// Mappings of shared memory.
  std::size_t segments = 0;
  std::size_t resident_bytes = 0;

  static Belongings now();
  /// Waits for what is on its way out, and counts the least of several looks: a joined thread stays
  /// in /proc a moment longer, and a helper of wait_async has no name yet in its first moment.
  static Belongings settled();
};

/// Empty when nothing is left over; else what is.
std::string left_over(const Belongings& before, const Belongings& after);

}  // namespace stress
