#include <brigade/shared_segment.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

// Linux 6.3; the headers of Debian 12 are of 6.1.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace brigade {
namespace {

// Not F_SEAL_WRITE: the segment is there to be written. F_SEAL_SEAL, because a peer that adds
// F_SEAL_FUTURE_WRITE would keep every process that starts later from mapping it.
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

Fd make_memfd(const std::string& name) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = ::memfd_create(name.c_str(), kFlags | MFD_NOEXEC_SEAL);
  // A kernel before 6.3 does not know the flag. It only denies execution of the file, so going
  // without loses a safeguard and no function.
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create(name.c_str(), kFlags);
  return Fd(fd);
}

/// The size of a segment that a peer sent, when it can be trusted to stay mappable.
Result<std::size_t> size_of_sealed(const Fd& fd) {
  // Seals before size: once the seals are seen the size cannot change, and without them any size we
  // read could be gone a moment later.
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0) {
    return Error::from_errno(errno, fmt::format("attach fd {}: not a shared segment", fd.get()));
  }
  if ((seals & kSeals) != kSeals) {
    return Error(EPERM, fmt::format("attach fd {}: refused, its size is not sealed (seals {:#x}, "
                                    "needed {:#x})",
                                    fd.get(), seals, kSeals));
  }
  // A memfd of huge pages can be sealed as well, but a touch of it is a SIGBUS once the machine has
  // no huge page left.
  struct statfs system{};
  if (::fstatfs(fd.get(), &system) != 0 || system.f_type != TMPFS_MAGIC) {
    return Error(EINVAL, fmt::format("attach fd {}: refused, not plain memory (file system {:#x})",
                                     fd.get(), static_cast<unsigned long>(system.f_type)));
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) {
    return Error::from_errno(errno, fmt::format("attach fd {}: fstat", fd.get()));
  }
  if (status.st_size <= 0) {
    return Error(EINVAL, fmt::format("attach fd {}: refused, it is empty", fd.get()));
  }
  return static_cast<std::size_t>(status.st_size);
}

}  // namespace

Result<SharedSegment> SharedSegment::create(const std::string& name, std::size_t size) {
  // ftruncate takes a signed size; a larger one would arrive there negative.
  if (size == 0 || size > static_cast<std::size_t>(std::numeric_limits<off_t>::max())) {
    return Error(EINVAL, fmt::format("shared segment {}: impossible size {}", name, size));
  }
  Fd fd = make_memfd(name);
  if (!fd) return Error::from_errno(errno, fmt::format("shared segment {}: memfd_create", name));
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
    return Error::from_errno(errno, fmt::format("shared segment {}: size {}", name, size));
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) {
    return Error::from_errno(errno, fmt::format("shared segment {}: seal", name));
  }
  return map(std::move(fd), size);
}

Result<SharedSegment> SharedSegment::attach(Fd fd, std::size_t expected_size) {
  auto size = size_of_sealed(fd);
  if (!size) return size.error();
  if (*size != expected_size) {
    return Error(EINVAL, fmt::format("attach fd {}: refused, {} bytes where {} were expected",
                                     fd.get(), *size, expected_size));
  }
  return map(std::move(fd), expected_size);
}

Result<SharedSegment> SharedSegment::attach(Fd fd) {
  auto size = size_of_sealed(fd);
  if (!size) return size.error();
  return map(std::move(fd), *size);
}

Result<SharedSegment> SharedSegment::map(Fd fd, std::size_t size) {
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) {
    return Error::from_errno(errno, fmt::format("map {} bytes of fd {}", size, fd.get()));
  }
  return SharedSegment(std::move(fd), static_cast<std::byte*>(data), size);
}

SharedSegment& SharedSegment::operator=(SharedSegment&& other) noexcept {
  SharedSegment taken(std::move(other));  // so that our old mapping goes now, not with `other`
  std::swap(fd_, taken.fd_);
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  return *this;
}

SharedSegment::~SharedSegment() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace brigade
