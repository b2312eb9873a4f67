// Ports on their way: in a queue, belonging to no thread.
//
// A queue that holds the port that reads it, or the port of a queue that holds the port of…, could
// never be read nor freed. Each mailbox notes in which queue its reader lies (Mailbox::inside); a
// post that would close such a ring is refused. One lock for the process: ports travel rarely.
#pragma once

#include <brigade/mailbox.hpp>

#include <mutex>

namespace brigade::detail {

std::mutex& transit_lock();

/// Under the lock: would `mailbox`, put into `destination`, lie inside itself?
bool would_hold_itself(const Mailbox& mailbox, const Mailbox& destination);

/// The ports in `value` have been taken out of their queue.
void ports_arrived(Value& value);

}  // namespace brigade::detail
