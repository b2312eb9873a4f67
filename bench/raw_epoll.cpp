// The bound: one epoll loop that finds the ends of requests and sends a prebuilt answer. No parser,
// no routes, no timers, no limits. Loopback only. Usage: bench_raw_epoll PORT
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr const char* answer =
    "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: text/plain; "
    "charset=utf-8\r\n"
    "Content-Length: 13\r\n\r\nHello, World!";
constexpr std::size_t most_at_once = 512;

struct Connection {
  int fd;
  std::size_t size = 0;
  std::array<char, 16384> buffer;
};

int listen_on(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd, 1024) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return fd;
}

// False when the connection is over.
bool serve(Connection& connection, const std::string& answers) {
  char* const buffer = connection.buffer.data();
  const ssize_t got = ::recv(connection.fd, buffer + connection.size,
                             connection.buffer.size() - connection.size, 0);
  if (got <= 0) return got < 0 && errno == EAGAIN;
  const std::size_t total = connection.size + static_cast<std::size_t>(got);
  std::size_t at = 0;
  std::size_t count = 0;
  while (count < most_at_once) {
    const void* end = ::memmem(buffer + at, total - at, "\r\n\r\n", 4);
    if (!end) break;
    at = static_cast<std::size_t>(static_cast<const char*>(end) + 4 - buffer);
    ++count;
  }
  connection.size = total - at;
  std::memmove(buffer, buffer + at, connection.size);
  const std::size_t bytes = count * std::strlen(answer);
  // A closed-loop client reads what it asked for, so the socket has room.
  return bytes == 0 ||
         ::send(connection.fd, answers.data(), bytes, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s PORT\n", argv[0]);
    return 2;
  }
  std::string answers;
  for (std::size_t n = 0; n < most_at_once; ++n) answers += answer;
  const int listener = listen_on(std::atoi(argv[1]));
  const int poller = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  ::epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  std::array<epoll_event, 256> events;
  while (true) {
    const int count = ::epoll_wait(poller, events.data(), static_cast<int>(events.size()), -1);
    for (int n = 0; n < count; ++n) {
      auto* connection = static_cast<Connection*>(events[static_cast<std::size_t>(n)].data.ptr);
      if (!connection) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) continue;
        event.data.ptr = new Connection{.fd = fd, .buffer = {}};
        ::epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        event.data.ptr = nullptr;
      } else if (!serve(*connection, answers)) {
        ::close(connection->fd);
        delete connection;
      }
    }
  }
}
