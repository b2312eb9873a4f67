// Another process for a test: a fork, so it must be made while this one has a single thread.
#pragma once

#include <brigade/fd.hpp>

#include "support/patience.hpp"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <optional>

namespace brigade::testing_support {

/// Runs `body` in a child, whose exit code is what it returns; killed and reaped with the object.
class Child {
 public:
  template <class Body>
  explicit Child(Body body) : pid_(::fork()) {
    if (pid_ != 0) return;
    int code = 99;
    try {
      code = body();
    } catch (...) {
    }
    ::_exit(code);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!reaped_) {
      signal(SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  pid_t pid() const { return pid_; }
  void signal(int signal) const { ::kill(pid_, signal); }
  /// Its exit code; -1 when it was killed, or does not end.
  int wait() {
    int status = 0;
    reaped_ = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
    return reaped_ && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  /// True once it is stopped.
  bool wait_until_stopped() const {
    int status = 0;
    return ::waitpid(pid_, &status, WUNTRACED) == pid_ && WIFSTOPPED(status);
  }

 private:
  pid_t pid_;
  bool reaped_ = false;
};

/// Two ends that pass descriptors from process to process.
class DescriptorPair {
 public:
  DescriptorPair() { ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_); }
  DescriptorPair(const DescriptorPair&) = delete;
  DescriptorPair& operator=(const DescriptorPair&) = delete;
  ~DescriptorPair() {
    for (const int end : ends_) ::close(end);
  }

  void send(const Fd& fd) {
    Packet packet;
    cmsghdr* header = CMSG_FIRSTHDR(&packet.message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = fd.get();
    std::memcpy(CMSG_DATA(header), &number, sizeof number);
    ::sendmsg(ends_[0], &packet.message, MSG_NOSIGNAL);
  }
  Fd receive() {
    Packet packet;
    if (::recvmsg(ends_[1], &packet.message, MSG_CMSG_CLOEXEC) <= 0) return Fd();
    const cmsghdr* header = CMSG_FIRSTHDR(&packet.message);
    if (!header || header->cmsg_type != SCM_RIGHTS) return Fd();
    int number = -1;
    std::memcpy(&number, CMSG_DATA(header), sizeof number);
    return Fd(number);
  }

 private:
  struct Packet {
    Packet() {
      message.msg_iov = &vector;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
    }
    char byte = 'x';
    iovec vector{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
  };
  int ends_[2] = {-1, -1};
};

}  // namespace brigade::testing_support
