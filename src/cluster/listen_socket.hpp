// Making a listening socket, and saying well why it could not be made.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>

#include <cstdint>
#include <string>

#include "cluster/message.hpp"
#include "cluster/unix_socket.hpp"

namespace brigade::cluster::detail {

struct ListenSocket {
  Fd fd;
  std::string address;   // as bound: "0.0.0.0:3000", "[::]:3000", "unix:/run/app.sock"
  SocketFile file = {};  // of a Unix socket
};

/// The host is a numeric address or empty for every address (IPv6 and IPv4, or IPv4 alone where the
/// machine has no IPv6). Non-blocking, CLOEXEC. Errors say what holds the port or what right is
/// missing. A datagram socket is bound only.
/// `reuse_port`: others of this user may have the same port.
Result<ListenSocket> listen_on(const Listen& wanted, bool reuse_port = false);
/// The first of several on one port. That nobody else has it is made sure of first: another program
/// of this user that shares its port as well would take part of our connections.
Result<ListenSocket> listen_on_first_of_many(Listen wanted);
inline Result<ListenSocket> listen_on(const std::string& host, std::uint16_t port, int backlog) {
  return listen_on(Listen{.host = host, .port = port, .backlog = backlog});
}

/// Says in the log when the kernel makes a socket's queue shorter than it should be.
void warn_of_capped_backlog(const Listen& wanted, const std::string& address);

/// Whether `host` is one that listen_on takes: empty, "localhost", or a numeric address.
bool is_listen_host(const std::string& host);

/// The port at the end of such an address.
std::uint16_t port_of(const std::string& address);

}  // namespace brigade::cluster::detail
