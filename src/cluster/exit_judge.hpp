// Which cause an exit has: a pure decision.
#pragma once

#include <brigade/exit_reason.hpp>

#include <csignal>
#include <optional>

namespace brigade::cluster {

/// What the kernel's counters of out-of-memory kills say about a death by SIGKILL.
enum class OomEvidence {
  none,     // it was no such kill
  counted,  // the worker's cgroup has counted one that is nobody else's
  unsure,   // the machine has counted one, and the cgroup cannot be asked
};

/// `intended` is why the primary told the worker to go, or killed it; nothing when it did neither.
inline ExitCause judge_exit(ExitStatus status, std::optional<ExitCause> intended,
                            OomEvidence evidence) {
  if (intended) return *intended;
  if (!status.known) return ExitCause::unknown;
  if (status.signal == 0) return ExitCause::exited;
  if (status.signal != SIGKILL) return ExitCause::signalled;
  if (evidence == OomEvidence::counted) return ExitCause::out_of_memory;
  return evidence == OomEvidence::unsure ? ExitCause::unknown : ExitCause::signalled;
}

}  // namespace brigade::cluster
