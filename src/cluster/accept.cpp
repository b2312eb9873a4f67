#include "cluster/accept.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <brigade/log.hpp>

#include <cerrno>

namespace brigade::cluster::detail {
namespace {

Fd open_reserve() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

Accept::Accept() : reserve_(open_reserve()) {}

Accept::Outcome Accept::one(int socket, Fd& connection) {
  while (true) {
    connection = Fd(::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) return Outcome::one;
    switch (errno) {
      case EAGAIN:
        return Outcome::none;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        reserve_.reset();
        Fd(::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC));
        reserve_ = open_reserve();
        return Outcome::out_of_resources;
      default:
        // EINTR, ECONNABORTED, and network errors that accept(2) hands through: that connection's
        // trouble, not ours.
        continue;
    }
  }
}

void Accept::complain(const char* who, const char* why) {
  const TimePoint now = monotonic_now();
  if (now < next_complaint_) return;
  next_complaint_ = now + std::chrono::seconds(1);
  log::warn("{} does not accept for {} ms: {}", who,
            std::chrono::duration_cast<std::chrono::milliseconds>(pause_for).count(), why);
}

}  // namespace brigade::cluster::detail
