// How connections reach the workers of whatever listens on a port: one row of figures.
//
//   bench_scheduling --port 3000 [--block]
//
// The server answers "/" with a text that ends with its worker's pid and, for --block, blocks for
// MS milliseconds on "/block?ms=MS". First 300 connections are opened one after another and kept:
// connections per worker (most by mean), and the time from connect() to the answer. Then one worker
// is stopped (SIGSTOP) and 200 connections come at once: how many have no answer after 1 s. Then
// the same with one blocked.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

double now_ms() {
  timespec at{};
  ::clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<double>(at.tv_sec) * 1e3 + static_cast<double>(at.tv_nsec) * 1e-6;
}

void sleep_ms(int ms) {
  ::usleep(static_cast<useconds_t>(ms) * 1000);
}

class Connection {
 public:
  Connection(int port, std::string_view target)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
    const std::string request = "GET " + std::string(target) + " HTTP/1.1\r\nHost: bench\r\n\r\n";
    sent_ = ::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) > 0;
  }
  Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)), sent_(other.sent_) {}
  Connection& operator=(Connection&&) = delete;
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }

  /// The worker that has answered by `deadline`; 0: none.
  pid_t answered_by(double deadline) {
    pollfd source{fd_, POLLIN, 0};
    const int left = std::max(0, static_cast<int>(deadline - now_ms()));
    if (!sent_ || ::poll(&source, 1, left) != 1) return 0;
    std::array<char, 4096> text;
    const ssize_t got = ::recv(fd_, text.data(), text.size(), 0);
    std::string_view answer(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    // The body's last digits; a chunked one ends with a chunk of size 0.
    constexpr std::string_view last_chunk = "\r\n0\r\n\r\n";
    if (answer.ends_with(last_chunk)) answer.remove_suffix(last_chunk.size());
    while (!answer.empty() && (answer.back() == '\n' || answer.back() == '\r'))
      answer.remove_suffix(1);
    const std::size_t begin = answer.find_last_not_of("0123456789") + 1;
    return static_cast<pid_t>(std::atol(std::string(answer.substr(begin)).c_str()));
  }

 private:
  int fd_;
  bool sent_ = false;
};

// Connections that have no answer a second after they came, all at once.
int count_unserved(int port) {
  std::vector<Connection> connections;
  for (int count = 0; count < 200; ++count) connections.emplace_back(port, "/");
  const double deadline = now_ms() + 1000;
  int unserved = 0;
  for (Connection& connection : connections) unserved += connection.answered_by(deadline) == 0;
  return unserved;
}

}  // namespace

int main(int argc, char** argv) {
  int port = 0;
  bool block = false;
  for (int index = 1; index < argc; ++index) {
    const std::string_view word(argv[index]);
    if (word == "--block") block = true;
    if (word == "--port" && index + 1 < argc) port = std::atoi(argv[++index]);
  }
  if (port == 0) {
    std::fprintf(stderr, "usage: %s --port N [--block]\n", argv[0]);
    return 2;
  }
  std::map<pid_t, int> per_worker;
  std::vector<double> times;
  {
    std::vector<Connection> held;
    for (int count = 0; count < 300; ++count) {
      const double began = now_ms();
      held.emplace_back(port, "/");
      const pid_t worker = held.back().answered_by(began + 5000);
      if (worker == 0) continue;
      times.push_back(now_ms() - began);
      ++per_worker[worker];
    }
    sleep_ms(50);
  }
  if (times.empty()) {
    std::fprintf(stderr, "nobody answers on port %d\n", port);
    return 1;
  }
  std::sort(times.begin(), times.end());
  int most = 0;
  for (const auto& [worker, count] : per_worker) most = std::max(most, count);
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(static_cast<double>(times.size() - 1) * share)] * 1000;
  };

  const pid_t stopped = per_worker.begin()->first;
  ::kill(stopped, SIGSTOP);
  sleep_ms(100);
  const int unserved_stopped = count_unserved(port);
  ::kill(stopped, SIGCONT);
  sleep_ms(100);

  std::string unserved_blocked = "-";
  if (block) {
    const Connection blocking(port, "/block?ms=2500");
    sleep_ms(100);
    unserved_blocked = std::to_string(count_unserved(port));
    sleep_ms(1500);
  }
  std::printf("workers %zu most %d served %zu p50_us %.0f p99_us %.0f stopped %d blocked %s\n",
              per_worker.size(), most, times.size(), at(0.5), at(0.99), unserved_stopped,
              unserved_blocked.c_str());
  return 0;
}
