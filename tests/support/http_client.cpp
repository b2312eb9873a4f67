#include "support/http_client.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace brigade::testing_support {
namespace {

using Kind = ClientError::Kind;

void wait_for(int fd, short events, const Deadline& deadline) {
  pollfd source{fd, events, 0};
  while (true) {
    const int ready = ::poll(&source, 1, deadline.left_ms());
    if (ready > 0) return;
    if (ready == 0) throw ClientError(Kind::timed_out, "the server does nothing");
  }
}

std::size_t number_from(std::string_view text, int base = 10) {
  std::size_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (error != std::errc() || end == text.data()) {
    throw ClientError(Kind::malformed, fmt::format("no number: \"{}\"", text));
  }
  return out;
}

}  // namespace

std::string Answer::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key.size() == name.size() && ::strncasecmp(key.data(), name.data(), name.size()) == 0) {
      return value;
    }
  }
  return {};
}

Client::Client(std::uint16_t port, int receive_buffer)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (receive_buffer > 0) {
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw ClientError(Kind::refused, fmt::format("connect: {}", std::strerror(errno)));
  }
}

Client::Client(const std::string& path)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw ClientError(Kind::refused, fmt::format("connect: {}", std::strerror(errno)));
  }
}

std::size_t Client::send_some(std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data() + done, bytes.size() - done,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      done += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      throw ClientError(Kind::silent, fmt::format("send: {}", std::strerror(errno)));
    }
  }
  return done;
}

void Client::send(std::string_view bytes) {
  const Deadline deadline;
  while (!bytes.empty()) {
    bytes.remove_prefix(send_some(bytes));
    if (!bytes.empty()) wait_for(socket_.get(), POLLOUT, deadline);
  }
}

bool Client::receive() {
  const Deadline deadline;
  std::array<char, 16 << 10> part{};
  while (true) {
    wait_for(socket_.get(), POLLIN, deadline);
    const ssize_t got = ::recv(socket_.get(), part.data(), part.size(), 0);
    if (got > 0) {
      buffer_.append(part.data(), static_cast<std::size_t>(got));
      any_byte_ = true;
      return true;
    }
    if (got == 0) return false;
    if (errno == EINTR) continue;
    throw ClientError(any_byte_ ? Kind::broken_off : Kind::silent,
                      fmt::format("recv: {}", std::strerror(errno)));
  }
}

std::string Client::take_line() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!receive()) {
      throw ClientError(any_byte_ ? Kind::broken_off : Kind::silent,
                        "closed before the line's end");
    }
  }
  std::string out = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return out;
}

std::string Client::take_chunked() {
  std::string out;
  while (true) {
    const std::size_t size = number_from(take_line(), 16);
    while (buffer_.size() < size + 2) {
      if (!receive()) throw ClientError(Kind::broken_off, "closed in a chunk");
    }
    out += buffer_.substr(0, size);
    buffer_.erase(0, size + 2);
    if (size == 0) return out;
  }
}

Answer Client::read(bool to_head) {
  any_byte_ = !buffer_.empty();
  const std::string line = take_line();
  if (!line.starts_with("HTTP/1.1 ") || line.size() < 12) {
    throw ClientError(Kind::malformed, "no status line: " + line);
  }
  Answer out;
  out.status = static_cast<int>(number_from(std::string_view(line).substr(9, 3)));
  for (std::string field; !(field = take_line()).empty();) {
    const std::size_t colon = field.find(": ");
    if (colon == std::string::npos) throw ClientError(Kind::malformed, "no field: " + field);
    out.fields.emplace_back(field.substr(0, colon), field.substr(colon + 2));
  }
  if (to_head || out.status < 200 || out.status == 204 || out.status == 304) return out;
  if (out.field("Transfer-Encoding") == "chunked") {
    out.body = take_chunked();
    return out;
  }
  const std::size_t size = number_from(out.field("Content-Length"));
  while (buffer_.size() < size) {
    if (!receive()) throw ClientError(Kind::broken_off, "closed in the body");
  }
  out.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return out;
}

std::string Client::read_to_end() {
  any_byte_ = !buffer_.empty();
  while (receive()) {
  }
  return std::exchange(buffer_, {});
}

bool Client::is_closed_silently() {
  return read_to_end().empty();
}

Answer Client::request(const std::string& method, const std::string& target, std::string_view body,
                       const std::string& more_fields) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: test\r\n{}", method, target, more_fields);
  if (!body.empty()) head += fmt::format("Content-Length: {}\r\n", body.size());
  send(head + "\r\n" + std::string(body));
  return read(method == "HEAD");
}

void Client::half_close() {
  ::shutdown(socket_.get(), SHUT_WR);
}

void Client::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  socket_.reset();
}

}  // namespace brigade::testing_support
