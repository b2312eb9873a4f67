#include "cluster/listen_socket.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <brigade/log.hpp>
#include <brigade/system.hpp>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/files.hpp"

namespace brigade::cluster::detail {
namespace {

struct Target {
  sockaddr_storage address{};
  socklen_t size = 0;
  int family = AF_INET;
};

Result<Target> parse(const std::string& host, std::uint16_t port) {
  Target out;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  const std::string name = host == "localhost" ? "127.0.0.1" : host;
  if (::inet_pton(AF_INET, name.c_str(), &v4.sin_addr) == 1) {
    std::memcpy(&out.address, &v4, sizeof v4);
    out.size = sizeof v4;
    return out;
  }
  if (name.empty() || ::inet_pton(AF_INET6, name.c_str(), &v6.sin6_addr) == 1) {
    std::memcpy(&out.address, &v6, sizeof v6);  // all zero: any address
    out.size = sizeof v6;
    out.family = AF_INET6;
    return out;
  }
  return Error(
      EINVAL,
      fmt::format("cannot listen on \"{}\": neither a numeric IPv4 or IPv6 address nor localhost",
                  host));
}

std::string text_of(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bound.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &bound, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(v4.sin_port));
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &bound, sizeof v6);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  return fmt::format("[{}]:{}", text.data(), ntohs(v6.sin6_port));
}

Error explain(int code, const Listen& wanted) {
  const std::string& host = wanted.host;
  const std::uint16_t port = wanted.port;
  const bool datagram = wanted.kind == ListenKind::udp;
  const std::string where =
      (datagram ? "UDP " : "") +
      (host.empty() ? fmt::format("port {}", port) : fmt::format("{}:{}", host, port));
  if (code == EADDRINUSE) {
    const std::string who = datagram ? "" : who_listens_on(port);
    return Error(code,
                 fmt::format("cannot listen on {}: it is in use{}. Stop that program, or choose "
                             "another port with --port.",
                             where, who.empty() ? " by another program" : " by " + who));
  }
  if (code == EACCES) {
    std::string first =
        brigade::detail::read_small_file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    while (first.ends_with('\n')) first.pop_back();
    return Error(code,
                 fmt::format("cannot listen on {}: ports below {} are for root. Choose a higher "
                             "port with --port, or give the program the right with "
                             "`setcap cap_net_bind_service=+ep PROGRAM`.",
                             where, first.empty() ? "1024" : first));
  }
  if (code == EADDRNOTAVAIL) {
    return Error(code, fmt::format("cannot listen on {}: this machine has no such address", where));
  }
  return Error::from_errno(code, fmt::format("cannot listen on {}", where));
}

Result<ListenSocket> open(const Target& target, const Listen& wanted, bool reuse_port) {
  const bool datagram = wanted.kind == ListenKind::udp;
  Fd socket(::socket(target.family,
                     (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return explain(errno, wanted);
  const int on = 1;
  if (!datagram) {  // for UDP it would let two programs have the same port
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // Accepted connections inherit it: one system call less for each.
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (reuse_port) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (target.family == AF_INET6) {
    const int only_v6 = wanted.host.empty() && !wanted.ipv6_only ? 0 : 1;
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
  }
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&target.address), target.size) != 0 ||
      (!datagram && ::listen(socket.get(), wanted.backlog) != 0)) {
    return explain(errno, wanted);
  }
  std::string address = text_of(socket.get());
  return ListenSocket{std::move(socket), std::move(address)};
}

}  // namespace

Result<ListenSocket> listen_on(const Listen& wanted, bool reuse_port) {
  if (wanted.kind == ListenKind::unix_stream) {
    auto socket = listen_on_path(wanted.host, wanted.mode, wanted.backlog);
    if (!socket) return socket.error();
    return ListenSocket{std::move(socket->fd), "unix:" + wanted.host, std::move(socket->file)};
  }
  auto target = parse(wanted.host, wanted.port);
  if (!target) return target.error();
  auto socket = open(*target, wanted, reuse_port);
  const bool no_v6 =
      !socket && (socket.error().code() == EAFNOSUPPORT || socket.error().code() == EADDRNOTAVAIL);
  if (wanted.host.empty() && !wanted.ipv6_only && no_v6) {
    auto v4 = parse("0.0.0.0", wanted.port);
    return open(*v4, wanted, reuse_port);
  }
  return socket;
}

Result<ListenSocket> listen_on_first_of_many(Listen wanted) {
  auto probe = listen_on(wanted);
  if (!probe) return probe;
  wanted.port = port_of(probe->address);
  probe->fd.reset();
  return listen_on(wanted, true);
}

void warn_of_capped_backlog(const Listen& wanted, const std::string& address) {
  if (wanted.kind == ListenKind::udp) return;
  const std::string text = brigade::detail::read_small_file("/proc/sys/net/core/somaxconn");
  int most = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), most);
  if (error != std::errc() || wanted.backlog <= most) return;
  log::warn(
      "{}: at most {} connections can wait there, not {}: the kernel caps it. "
      "`sysctl -w net.core.somaxconn={}` raises that",
      address, most, wanted.backlog, wanted.backlog);
}

bool is_listen_host(const std::string& host) {
  return parse(host, 0).ok();
}

std::uint16_t port_of(const std::string& address) {
  std::uint16_t port = 0;
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  return port;
}

}  // namespace brigade::cluster::detail
