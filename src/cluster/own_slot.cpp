#include "cluster/own_slot.hpp"

#include <unistd.h>
#include <brigade/log.hpp>

#include "cluster/role.hpp"

namespace brigade::cluster::detail {
namespace {

OwnSlot make() {
  Role& own = role();
  if (own.worker) {
    auto shared = stats::Scoreboard::attach(std::move(own.board));
    if (shared && own.slot < shared->slots()) return {std::move(*shared), own.slot, true};
    // After a reload to a build with another layout. It serves all the same; only its figures are
    // not among the others'.
    log::warn("this worker's figures are not shown in the cluster's: {}",
              shared ? "the primary gave it no slot" : shared.error().message());
  }
  auto alone = stats::Scoreboard::create(1);
  stats::Scoreboard board = std::move(alone).value();
  const unsigned index = board.claim_slot({.id = 1, .number = 0, .generation = 1}).value();
  board.entry(index).pid.set(::getpid());
  board.entry(index).set_state(stats::WorkerState::listening);
  return {std::move(board), index};
}

}  // namespace

OwnSlot& own_slot() {
  static auto* const instance = new OwnSlot(make());
  return *instance;
}

}  // namespace brigade::cluster::detail
