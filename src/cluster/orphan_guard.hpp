// The last belt of a worker whose primary is gone: one that is stuck (its loop cannot see the end
// of the channel) must not outlive the primary for ever, holding the port.
//
// The kernel sends a worker orphan_signal() when the thread that started it dies. Before the
// worker's program has set anything up, that ends it. Later the handler arms a timer that kills the
// process after the drain's deadline, whatever its threads do meanwhile.
//
// A worker that waits for a new primary has that time, too; being adopted disarms the timer. The
// kernel says nothing to it when that primary dies, which is not its parent: so it gives it the
// write end of a pipe, and the read end raises the same signal when that is closed.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/time.hpp>

#include <optional>

namespace brigade::cluster::detail {

int orphan_signal();
/// In a worker; again to change it: an orphan that still lives is killed `deadline` after it has
/// been without a primary for `patience`, which stays as it was when it is not given.
void guard_orphan(Duration deadline, std::optional<Duration> patience = std::nullopt);
/// Now, or again: for an orphan that could still see the end of its channel.
void start_orphan_timer();
/// There is a primary again.
void stop_orphan_timer();
/// What a primary that did not start us has to hold as long as it lives. Empty when out of
/// descriptors: then only the loop notices its end.
Fd tie_to_primary();

}  // namespace brigade::cluster::detail
