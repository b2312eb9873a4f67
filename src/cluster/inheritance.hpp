// What a new primary takes over from the one that died: the scoreboard, and the workers that live.
#pragma once

#include <brigade/child.hpp>
#include <brigade/fd.hpp>
#include <brigade/result.hpp>

#include <optional>
#include <vector>

#include "cluster/rejoin.hpp"
#include "cluster/role.hpp"
#include "stats/scoreboard.hpp"

namespace brigade::cluster::detail {

/// A living worker that this process did not start.
struct Heirloom {
  std::uint64_t id = 0;
  std::uint32_t number = 0;
  unsigned slot = 0;
  std::uint64_t generation = 0;
  std::uint64_t restarts = 0;
  stats::WorkerState state = stats::WorkerState::starting;
  pid_t pid = -1;
  Fd pidfd;
  std::optional<Hello> hello;  // none: it has not noticed yet, or is stuck
};

struct Inheritance {
  stats::Scoreboard board;
  std::vector<Heirloom> workers;  // by position; of one position, the one that serves first
  std::size_t count = 0;          // of them, at first

  /// Of the heir that this process is. Waits a moment for the workers to offer themselves: those
  /// that do not are stuck, and may come later. The slots of the dead are released. Fails when
  /// another primary was faster (EALREADY), or when the scoreboard is of another build.
  static Result<Inheritance> claim(Role& role);
};

/// The pidfd of a process that certainly is the worker which the scoreboard has in that slot; empty
/// otherwise. `channel` is the end of one that it holds the other end of, if there is any.
Fd open_worker(pid_t pid, std::uint64_t id, std::uint32_t number, unsigned slot, const Fd& board,
               const Fd* channel);

/// Whether nobody holds the other end.
bool is_hung_up(const Fd& channel);

}  // namespace brigade::cluster::detail
