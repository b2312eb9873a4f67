// Who lives: a lock on a byte of the ring's memfd, which the kernel drops when its holder dies.
//
// Open-file-description locks (fcntl(2), F_OFD_SETLK) rather than pids, which are reused, or robust
// futexes, which belong to a thread: each producer and consumer opens the memfd anew, so that
// several in one process have locks that exclude one another. Descriptors that were passed on share
// one description and are never locked.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>

namespace brigade::detail {

/// Byte 0 is the consumer's, byte 1 + i that of the producer in slot i.
constexpr unsigned consumer_byte() {
  return 0;
}
constexpr unsigned slot_byte(unsigned slot) {
  return 1 + slot;
}

/// A description of its own of the same file. Needs /proc.
Result<Fd> open_again(const Fd& fd);

/// False when another description has it. The lock goes with the last descriptor.
bool try_lock_byte(const Fd& fd, unsigned byte);
void unlock_byte(const Fd& fd, unsigned byte);

/// Has any other description locked it? True when the kernel cannot tell: nobody is taken for dead
/// without proof.
bool is_byte_locked(const Fd& fd, unsigned byte);

}  // namespace brigade::detail
