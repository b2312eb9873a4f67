#include "load_connection.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace bench {
namespace {

constexpr std::string_view head_end = "\r\n\r\n";

std::string_view field(std::string_view head, std::string_view name) {
  const std::size_t at = head.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = head.substr(at + name.size());
  return rest.substr(0, rest.find('\r'));
}

}  // namespace

bool Connection::connect() {
  close();
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(target_.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close();
    return false;
  }
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = this;
  ::epoll_ctl(poller_, EPOLL_CTL_ADD, fd_, &event);
  must_reconnect_ = false;
  input_.clear();
  return true;
}

void Connection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  waiting_for_ = 0;
}

bool Connection::send() {
  std::string batch;
  const std::string* bytes = &target_.request;
  if (target_.depth > 1) {
    for (int n = 0; n < target_.depth; ++n) batch += target_.request;
    bytes = &batch;
  }
  waiting_for_ = target_.depth;
  return ::send(fd_, bytes->data(), bytes->size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes->size());
}

// Takes one whole answer off the input. False when it is not all there.
bool Connection::take_answer() {
  const std::size_t end = input_.find(head_end);
  if (end == std::string::npos) return false;
  const std::string_view head(input_.data(), end + 2);
  const auto length =
      static_cast<std::size_t>(std::atol(std::string(field(head, "Content-Length: ")).c_str()));
  const std::size_t size = end + head_end.size() + length;
  if (input_.size() < size) return false;
  if (head.substr(9, 1) != "2") ++bad_status;
  if (field(head, "Connection: ") == "close") must_reconnect_ = true;
  // Answers differ in their Date only, and that has one length: count bytes while heads look the
  // same.
  known_size_ = size;
  sample_head_ = head.substr(0, head.find("Date: "));
  input_.erase(0, size);
  return true;
}

Connection::Event Connection::ready() {
  std::array<char, 65536> buffer;
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return Event::nothing;
  if (got <= 0) {
    const bool lost_something = waiting_for_ > 0;
    close();
    return lost_something ? Event::failed : Event::nothing;
  }
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  if (input_.empty() && known_size_ > 0 && waiting_for_ > 0 &&
      bytes.size() == known_size_ * static_cast<std::size_t>(waiting_for_) &&
      bytes.starts_with(sample_head_) &&
      bytes.find("Connection: close") == std::string_view::npos) {
    waiting_for_ = 0;
    return Event::batch_done;
  }
  input_.append(bytes);
  while (waiting_for_ > 0 && take_answer()) --waiting_for_;
  return waiting_for_ == 0 ? Event::batch_done : Event::nothing;
}

}  // namespace bench
