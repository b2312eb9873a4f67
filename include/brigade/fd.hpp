// Ownership of a file descriptor.
#pragma once

#include <utility>

namespace brigade {

/// Owns one file descriptor and closes it. Move-only. Every descriptor Brigade makes is CLOEXEC.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  /// Closes now. EINTR is not retried: on Linux the descriptor is gone either way (close(2)).
  void reset();
  /// A CLOEXEC duplicate; empty when the process is out of descriptors.
  Fd duplicate() const;

 private:
  int fd_ = -1;
};

}  // namespace brigade
