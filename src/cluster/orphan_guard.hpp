// The last belt of a worker whose primary is gone: one that is stuck (its loop cannot see the end
// of the channel) must not outlive the primary for ever, holding the port.
//
// The kernel sends a worker orphan_signal() when the thread that started it dies. Before the
// worker's program has set anything up, that ends it. Later the handler arms a timer that kills the
// process after the drain's deadline, whatever its threads do meanwhile.
#pragma once

#include <brigade/time.hpp>

namespace brigade::cluster::detail {

int orphan_signal();
/// In a worker; again to change it. `deadline` is when an orphan that still lives is killed.
void guard_orphan(Duration deadline);

}  // namespace brigade::cluster::detail
