// Balanced scheduling, the decision: who should leave the shared accept queue for a while.
//
// All workers wait on one queue. The kernel wakes the most recent sleeper first, so that without
// more the connections pile up on few workers. A worker therefore accepts first and decides then:
// with more live connections than its share it stops listening until it is back at its share,
// provided that a sibling is there to take what comes. Deciding before accepting strands
// connections: the wake-up is spent on the one who declines.
#pragma once

#include <brigade/time.hpp>

#include <cstdint>

namespace brigade::cluster::detail {

/// What the scoreboard says of the workers that serve. Own figures are part of the sums.
struct Crowd {
  std::uint64_t mine = 0;     // live connections here
  std::uint64_t total = 0;    // on all workers that can be relied on
  std::uint64_t workers = 1;  // how many those are
};

/// A sibling can be relied on when it is not stopped, and asleep or busy only for a moment.
inline constexpr Duration fresh_for = std::chrono::milliseconds(10);

inline bool is_fresh(bool listening, bool stopped, std::uint64_t busy_since_ns,
                     std::uint64_t now_ns) {
  if (!listening || stopped) return false;
  return busy_since_ns == 0 ||
         now_ns < busy_since_ns + static_cast<std::uint64_t>(fresh_for.count());
}

/// A worker that has left looks again after these times whether it is needed: soon at first, as a
/// burst of connections is over in milliseconds, then seldom, as its share may stay full for long.
inline constexpr Duration first_recheck = std::chrono::milliseconds(1);
inline constexpr Duration slowest_recheck = std::chrono::milliseconds(10);
inline Duration next_recheck(Duration last) {
  return last * 2 < slowest_recheck ? last * 2 : slowest_recheck;
}

inline std::uint64_t share_of(const Crowd& crowd) {
  return (crowd.total + crowd.workers - 1) / crowd.workers;
}

/// One more than the share is let pass, so that short connections do not make workers come and go.
inline bool should_leave(const Crowd& crowd) {
  return crowd.workers > 1 && crowd.mine > share_of(crowd) + 1;
}
inline bool should_return(const Crowd& crowd) {
  return crowd.workers <= 1 || crowd.mine <= share_of(crowd);
}

}  // namespace brigade::cluster::detail
