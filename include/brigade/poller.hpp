// Readiness of file descriptors, behind an interface small enough to simulate.
#pragma once

#include <brigade/fd.hpp>

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <span>

namespace brigade {

/// Told when its descriptor is ready. It must be removed from the loop before it is destroyed.
class Watcher {
 public:
  /// `events` is a set of EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR.
  virtual void on_event(std::uint32_t events) = 0;

 protected:
  ~Watcher() = default;
};

/// What the loop asks of the kernel. Events carry the watcher in data.ptr.
class Poller {
 public:
  virtual ~Poller() = default;
  /// `events` are epoll's, with EPOLLET or EPOLLEXCLUSIVE as the caller needs. False on ENOMEM,
  /// ENOSPC.
  virtual bool add(int fd, std::uint32_t events, Watcher& watcher) = 0;
  virtual void modify(int fd, std::uint32_t events, Watcher& watcher) = 0;
  virtual void remove(int fd) = 0;
  /// Waits for at most `timeout_ms` (-1: for ever). Returns how many entries of `out` were filled.
  virtual int wait(std::span<epoll_event> out, int timeout_ms) = 0;
};

std::unique_ptr<Poller> make_epoll_poller();

}  // namespace brigade
