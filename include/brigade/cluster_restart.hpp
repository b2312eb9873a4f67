// When a worker that died is replaced.
#pragma once

#include <brigade/time.hpp>

#include <cstdint>
#include <vector>

namespace brigade::cluster {

enum class AfterDeath : std::uint8_t {
  back_off,  // the default: at once when it was stable, else after a delay that grows
  at_once,   // whatever its life was; the death counts for nothing
  give_up,   // not until somebody asks: a reload, a scale, recycle
  stop,      // the whole cluster drains, and exits with code 1
};

/// What follows deaths of one kind. Of a list, the first that matches decides; what none matches
/// backs off.
struct RestartRule {
  std::vector<int> exit_codes = {};  // of exit()
  std::vector<int> signals = {};     // that killed it
  AfterDeath then = AfterDeath::back_off;
};

struct RestartOptions {
  /// The first delay after an unstable death; each further one in a row waits twice as long, up to
  /// the longest. Half to all of it: positions that fail together shall not come back together.
  Duration first_delay = std::chrono::milliseconds(100);
  Duration longest_delay = std::chrono::seconds(30);
  /// A worker that dies before it listens, or within this time after, is unstable.
  Duration stable_after = std::chrono::seconds(1);
  /// So many unstable deaths of a position within `give_up_within` are enough: it is given up. 0:
  /// never. The delays before ten of them take a minute at most, so they do fit in.
  unsigned give_up_after = 10;
  Duration give_up_within = std::chrono::minutes(10);
  std::vector<RestartRule> rules = {};
};

}  // namespace brigade::cluster
