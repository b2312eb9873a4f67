#include "cluster/channel.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace brigade::cluster::detail {
namespace {

constexpr int messages_per_turn = 64;  // a flooding worker must not keep the primary from its work

union ControlBuffer {
  std::array<char, CMSG_SPACE(sizeof(int) * 8)> bytes;
  cmsghdr align;
};

}  // namespace

Result<std::pair<Fd, Fd>> Channel::make_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return Error::from_errno(errno, "socketpair");
  }
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

Channel::Channel(Fd socket, Callbacks callbacks)
    : socket_(std::move(socket)), callbacks_(std::move(callbacks)), loop_(Loop::current()) {
  // Level-triggered, so that a turn may leave messages for the next.
  if (!loop_.watch(socket_.get(), EPOLLIN, *this)) {
    throw ErrorException(Error::from_errno(errno, "watch a worker's channel"));
  }
}

Channel::~Channel() {
  if (socket_) loop_.unwatch(socket_.get(), *this);
}

void Channel::close(const char* error) {
  if (!socket_) return;
  loop_.unwatch(socket_.get(), *this);
  socket_.reset();
  const auto callback = std::move(callbacks_.on_closed);  // it may destroy the channel
  if (callback) callback(error);
}

void Channel::on_event(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive();
}

void Channel::receive() {
  for (int count = 0; socket_ && count < messages_per_turn; ++count) {
    std::array<char, max_frame + 1> frame;
    ControlBuffer control;
    iovec part{frame.data(), frame.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    const ssize_t got = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return close(nullptr);

    Fd received;
    for (cmsghdr* part_header = CMSG_FIRSTHDR(&header); part_header;
         part_header = CMSG_NXTHDR(&header, part_header)) {
      if (part_header->cmsg_level != SOL_SOCKET || part_header->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t fds = (part_header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t index = 0; index < fds; ++index) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(part_header) + index * sizeof(int), sizeof fd);
        received = Fd(fd);  // a frame has at most one: any before it are closed here
      }
    }
    if ((header.msg_flags & MSG_TRUNC) != 0) return close("sent a frame that is too long");
    auto message = decode(std::string_view(frame.data(), static_cast<std::size_t>(got)));
    if (!message) return close("sent a frame that makes no sense");
    // A connection that cannot be taken is for another worker: its frame comes without it.
    if ((header.msg_flags & MSG_CTRUNC) != 0 && message->type != MessageType::connection &&
        message->type != MessageType::pass_on) {
      return close("sent a descriptor that could not be taken (ulimit -n)");
    }
    message->fd = std::move(received);
    callbacks_.on_message(std::move(*message));
  }
}

void Channel::send(Message message) {
  if (!socket_) return;
  if (queue_.size() >= max_queued) return close("does not read its messages");
  queue_.push_back(std::move(message));
  flush();
}

void Channel::flush() {
  while (!queue_.empty()) {
    const Message& message = queue_.front();
    std::string frame = encode(message);
    iovec part{frame.data(), frame.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    ControlBuffer control{};
    if (message.fd) {
      header.msg_control = control.bytes.data();
      header.msg_controllen = CMSG_SPACE(sizeof(int));
      cmsghdr* rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int));
      const int fd = message.fd.get();
      std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    if (::sendmsg(socket_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENOBUFS) {
        if (!std::exchange(awaits_room_, true)) {
          loop_.rewatch(socket_.get(), EPOLLIN | EPOLLOUT, *this);
        }
        return;
      }
      // The peer is gone. What it said before it went is still there to be read: the loop sees EOF.
      queue_.clear();
      break;
    }
    queue_.pop_front();
  }
  if (std::exchange(awaits_room_, false)) loop_.rewatch(socket_.get(), EPOLLIN, *this);
}

}  // namespace brigade::cluster::detail
