#include "runner/wire.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace conformance {
namespace {

sockaddr_in address(std::uint32_t host, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(host);
  out.sin_port = htons(port);
  return out;
}

std::vector<std::size_t> line_ends(std::string_view data) {
  std::vector<std::size_t> all;
  for (std::size_t at = 0; (at = data.find("\r\n", at)) != std::string_view::npos;)
    all.push_back(at += 2);
  constexpr std::size_t most = 600;
  if (all.size() <= most) return all;
  const std::size_t step = (all.size() + most - 1) / most;
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < all.size(); i += i < 100 || i + 20 >= all.size() ? 1 : step) {
    out.push_back(all[i]);
  }
  return out;
}

std::vector<std::size_t> byte_ends(std::size_t size) {
  const std::size_t step = size <= 600 ? 1 : std::max<std::size_t>(1, (size - 500) / 200);
  std::vector<std::size_t> out;
  for (std::size_t at = 1; at < size; at += at < 400 || at + 100 >= size ? 1 : step)
    out.push_back(at);
  return out;
}

}  // namespace

std::string_view name_of(Segments segments) {
  switch (segments) {
    case Segments::whole:
      return "whole";
    case Segments::bytes:
      return "bytes";
    case Segments::lines:
      return "lines";
  }
  return "";
}

std::vector<std::string_view> cut(std::string_view data, Segments segments) {
  if (segments == Segments::whole || data.size() < 2) return {data};
  std::vector<std::size_t> ends =
      segments == Segments::lines ? line_ends(data) : byte_ends(data.size());
  if (ends.empty() || ends.back() != data.size()) ends.push_back(data.size());
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    out.push_back(data.substr(begin, end - begin));
    begin = end;
  }
  return out;
}

Wire::Wire(std::uint16_t port, AnswerStream expected)
    : Wire(port, std::move(expected), Options()) {}

Wire::Wire(std::uint16_t port, AnswerStream expected, Options options)
    : answers(std::move(expected)), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int on = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options.receive_buffer > 0) {
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &options.receive_buffer,
                 sizeof options.receive_buffer);
  }
  if (options.from_other_address) {
    const sockaddr_in own = address(INADDR_LOOPBACK + 1, 0);
    ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own);
  }
  const sockaddr_in peer = address(INADDR_LOOPBACK, port);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
    throw std::runtime_error(std::string("cannot connect: ") + std::strerror(errno));
  }
}

bool Wire::send(std::string_view data, milliseconds within) {
  const auto limit = Clock::now() + within;
  while (!data.empty() && !ended_ && !done_sending_) {
    const ssize_t sent =
        ::send(socket_.get(), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      data.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    const auto left = std::chrono::ceil<milliseconds>(limit - Clock::now());
    if (errno != EAGAIN || left.count() <= 0) {
      done_sending_ = true;  // what has come before a reset can still be read
      break;
    }
    wait(true, left);
  }
  return data.empty();
}

void Wire::send_cut(std::string_view data, Segments segments) {
  const auto limit = Clock::now() + std::chrono::seconds(3);
  for (const std::string_view piece : cut(data, segments)) {
    if (!send(piece,
              deaf ? std::chrono::ceil<milliseconds>(limit - Clock::now()) : milliseconds(10000)))
      return;
    if (segments == Segments::whole) continue;
    // So that the server's read ends here. Nothing tells a client that its bytes were read.
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (!deaf) read_some(64 << 10);
  }
}

void Wire::half_close() {
  done_sending_ = true;
  ::shutdown(socket_.get(), SHUT_WR);
}

bool Wire::wait(bool for_room, milliseconds within) {
  const bool reads = !for_room || !deaf;
  pollfd ready{socket_.get(), static_cast<short>((for_room ? POLLOUT : 0) | (reads ? POLLIN : 0)),
               0};
  if (::poll(&ready, 1, static_cast<int>(within.count())) <= 0) return false;
  if (reads && (ready.revents & (POLLIN | POLLERR | POLLHUP)) != 0) read_some(64 << 10);
  return true;
}

void Wire::read_some(std::size_t most) {
  std::array<char, 64 << 10> bytes;
  if (ended_) return;
  const ssize_t got =
      ::recv(socket_.get(), bytes.data(), std::min(most, bytes.size()), MSG_DONTWAIT);
  if (got > 0) {
    answers.feed({bytes.data(), static_cast<std::size_t>(got)});
  } else if (got == 0) {
    end(false);
  } else if (errno != EAGAIN && errno != EINTR) {
    end(true);
  }
}

void Wire::end(bool by_reset) {
  ended_ = true;
  reset_ = by_reset;
  answers.end();
}

}  // namespace conformance
