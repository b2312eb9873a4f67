// Datagrams that a task can await.
//
//     auto socket = co_await UdpSocket::bind({.host = "127.0.0.1", .port = 5000});
//     while (auto datagram = co_await socket->receive()) {
//       socket->send(datagram->data, datagram->from);
//     }
//
// In a cluster's worker the socket is the primary's, shared with the other workers: each datagram
// goes to one of them, whichever reads first.
#pragma once

#include <brigade/cluster_run.hpp>
#include <brigade/result.hpp>
#include <brigade/task.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace brigade {

/// Where a datagram comes from or goes to: a numeric IPv4 or IPv6 address and a port.
class UdpPeer {
 public:
  static Result<UdpPeer> at(const std::string& host, std::uint16_t port);
  /// "127.0.0.1:5000", "[::1]:5000".
  std::string text() const;

 private:
  friend class UdpSocket;
  alignas(8) std::array<unsigned char, 28> address_{};  // a sockaddr_in or sockaddr_in6
  std::uint32_t size_ = 0;
};

struct Datagram {
  std::string data;
  UdpPeer from;
};

/// Move-only. Loop thread only; one task may wait in receive() at a time, and the socket stays
/// where it is meanwhile.
class UdpSocket {
 public:
  /// Of `place` the host, the port, `ipv6_only` and `exclusive` count. Port 0: the kernel chooses.
  static Task<Result<UdpSocket>> bind(cluster::Place place);
  UdpSocket(UdpSocket&&) noexcept;
  UdpSocket& operator=(UdpSocket&&) noexcept;
  ~UdpSocket();

  /// "127.0.0.1:5000".
  const std::string& address() const;
  /// The next datagram, up to 65,507 bytes. ESHUTDOWN once the socket is closed, or the process
  /// drains.
  Task<Result<Datagram>> receive();
  /// At once. EAGAIN when the kernel's buffer is full: like any datagram, it is lost then.
  Result<void> send(std::string_view data, const UdpPeer& to);
  /// Ends a receive() that waits.
  void close();

 private:
  class Core;
  explicit UdpSocket(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace brigade
