// Reading the scoreboard. The report itself is public: brigade/stats.hpp.
#pragma once

#include <brigade/stats.hpp>

#include <cstdint>

#include "stats/scoreboard.hpp"

namespace brigade::stats {

/// A copy of what the board says now, taken without a lock and without stopping anyone: figures of
/// one worker may be a few requests apart. Never fails: a damaged board gives wrong numbers, not a
/// crash. Costs some 2 us for each worker. Thread: any.
Report read(const Scoreboard& board);

/// The same at a given steady_clock time in ns.
Report read_at(const Scoreboard& board, std::uint64_t now_ns);

}  // namespace brigade::stats
