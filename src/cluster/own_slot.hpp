// This process's place on the scoreboard.
#pragma once

#include "stats/scoreboard.hpp"

namespace brigade::cluster::detail {

struct OwnSlot {
  stats::Scoreboard board;
  unsigned index;
  bool is_primarys = false;  // the primary and the other workers see it

  stats::Slot& figures() { return board.slot(index); }
};

/// A worker's is the primary's board; any other process has one of its own, of one slot. Made at
/// the first call and never unmapped: pools and connections count until the last moment.
OwnSlot& own_slot();

}  // namespace brigade::cluster::detail
