#include <brigade/event.hpp>
#include <brigade/udp_socket.hpp>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "cluster/process.hpp"

namespace brigade {

static_assert(sizeof(sockaddr_in6) <= 28);

Result<UdpPeer> UdpPeer::at(const std::string& host, std::uint16_t port) {
  UdpPeer out;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(out.address_.data(), &v4, out.size_ = sizeof v4);
    return out;
  }
  if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(out.address_.data(), &v6, out.size_ = sizeof v6);
    return out;
  }
  return Error(EINVAL, fmt::format("\"{}\" is no numeric IPv4 or IPv6 address", host));
}

std::string UdpPeer::text() const {
  std::array<char, INET6_ADDRSTRLEN> name{};
  if (size_ == sizeof(sockaddr_in)) {
    sockaddr_in v4{};
    std::memcpy(&v4, address_.data(), sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, name.data(), name.size());
    return fmt::format("{}:{}", name.data(), ntohs(v4.sin_port));
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, address_.data(), sizeof v6);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, name.data(), name.size());
  return fmt::format("[{}]:{}", name.data(), ntohs(v6.sin6_port));
}

/// In the epoll set only while somebody waits, and not exclusively: a worker that is not waiting
/// must neither spin nor take a wake-up that another needs.
class UdpSocket::Core final : private Watcher, private cluster::detail::Drainable {
 public:
  Core(std::shared_ptr<cluster::detail::Process> process, cluster::detail::Process::Socket socket)
      : process_(std::move(process)), socket_(std::move(socket)) {
    process_->add(*this);
  }
  ~Core() { close(); }

  bool open() const { return static_cast<bool>(socket_.fd); }
  int fd() const { return socket_.fd.get(); }
  const std::string& address() const { return socket_.address; }

  /// Set when there may be something to read, or the socket was closed.
  Result<std::shared_ptr<Event>> readable() {
    if (!ready_) {
      if (!Loop::current().watch(fd(), EPOLLIN, *this))
        return Error::from_errno(errno, "watch a UDP socket");
      ready_ = std::make_shared<Event>();
    }
    return ready_;
  }
  void close() {
    if (!open()) return;
    forget_event();
    socket_.fd.reset();
    process_->unlisten(socket_.key);
  }

 private:
  void on_event(std::uint32_t) override { forget_event(); }
  void on_drain(Duration, Duration) override { close(); }
  void forget_event() {
    if (!ready_) return;
    Loop::current().unwatch(fd(), *this);
    ready_->set();
    ready_.reset();
  }

  std::shared_ptr<cluster::detail::Process> process_;
  cluster::detail::Process::Socket socket_;
  std::shared_ptr<Event> ready_;  // there while we are in the epoll set
};

UdpSocket::UdpSocket(std::unique_ptr<Core> core) : core_(std::move(core)) {}
UdpSocket::UdpSocket(UdpSocket&&) noexcept = default;
UdpSocket& UdpSocket::operator=(UdpSocket&&) noexcept = default;
UdpSocket::~UdpSocket() = default;

Task<Result<UdpSocket>> UdpSocket::bind(cluster::Place place) {
  const auto process = cluster::detail::Process::join();
  cluster::detail::Listen wanted{.host = place.host, .port = place.port};
  wanted.kind = cluster::detail::ListenKind::udp;
  wanted.ipv6_only = place.ipv6_only;
  wanted.exclusive = place.exclusive;
  auto socket = co_await process->listen(std::move(wanted));
  if (!socket) co_return socket.error();
  co_return UdpSocket(std::make_unique<Core>(process, std::move(*socket)));
}

const std::string& UdpSocket::address() const {
  return core_->address();
}

Task<Result<Datagram>> UdpSocket::receive() {
  constexpr std::size_t longest = 65'507;
  Datagram out;
  while (core_->open()) {
    out.data.resize(longest);
    socklen_t size = sizeof(sockaddr_in6);
    const ssize_t got = ::recvfrom(core_->fd(), out.data.data(), out.data.size(), 0,
                                   reinterpret_cast<sockaddr*>(out.from.address_.data()), &size);
    if (got >= 0) {
      out.data.resize(static_cast<std::size_t>(got));
      out.data.shrink_to_fit();
      out.from.size_ = size;
      co_return out;
    }
    // ECONNREFUSED and the like: what became of a datagram that was sent before.
    if (errno != EAGAIN) continue;
    out.data = {};
    auto ready = core_->readable();
    if (!ready) co_return ready.error();
    const std::shared_ptr<Event> event = *ready;
    co_await event->wait();
  }
  co_return Error(ESHUTDOWN, "the UDP socket is closed");
}

Result<void> UdpSocket::send(std::string_view data, const UdpPeer& to) {
  if (!core_->open()) return Error(ESHUTDOWN, "the UDP socket is closed");
  const ssize_t sent = ::sendto(core_->fd(), data.data(), data.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(to.address_.data()), to.size_);
  if (sent < 0) return Error::from_errno(errno, "send to " + to.text());
  return {};
}

void UdpSocket::close() {
  core_->close();
}

}  // namespace brigade
