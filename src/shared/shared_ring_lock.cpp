#include "shared/shared_ring_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

namespace brigade::detail {
namespace {

struct flock byte_lock(unsigned byte, short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

bool set(const Fd& fd, unsigned byte, short type) {
  struct flock lock = byte_lock(byte, type);
  return ::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0;
}

}  // namespace

Result<Fd> open_again(const Fd& fd) {
  const auto path = fmt::format("/proc/self/fd/{}", fd.get());
  Fd again(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!again) return Error::from_errno(errno, fmt::format("shared ring: open {}", path));
  return again;
}

bool try_lock_byte(const Fd& fd, unsigned byte) {
  return set(fd, byte, F_WRLCK);
}

void unlock_byte(const Fd& fd, unsigned byte) {
  set(fd, byte, F_UNLCK);
}

bool is_byte_locked(const Fd& fd, unsigned byte) {
  struct flock lock = byte_lock(byte, F_WRLCK);
  return ::fcntl(fd.get(), F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

}  // namespace brigade::detail
