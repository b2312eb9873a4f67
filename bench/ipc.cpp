// Echoes of a 64-byte message between two processes, 64 of them on their way at any time:
//   bench_ipc bare SECONDS     a socketpair, read and written in as large pieces as there are
//   bench_ipc cluster SECONDS  a Primary, its worker, and Values
// Prints echoes per second.
#include <brigade/cluster.hpp>
#include <brigade/cluster_worker.hpp>
#include <brigade/loop.hpp>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace brigade;

namespace {

constexpr std::size_t message_size = 64;
constexpr int outstanding = 64;

void print_rate(std::uint64_t echoes, TimePoint began) {
  const std::chrono::duration<double> took = monotonic_now() - began;
  fmt::print("{:.0f}\n", static_cast<double>(echoes) / took.count());
}

bool write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t wrote = ::write(fd, data, size);
    if (wrote <= 0) return false;
    data += wrote;
    size -= static_cast<std::size_t>(wrote);
  }
  return true;
}

int bare(Duration time) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) return 1;
  std::array<char, message_size * outstanding> buffer{};
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    for (ssize_t got; (got = ::read(ends[1], buffer.data(), buffer.size())) > 0;) {
      write_all(ends[1], buffer.data(), static_cast<std::size_t>(got));
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  const TimePoint began = monotonic_now();
  std::uint64_t bytes = 0;
  write_all(ends[0], buffer.data(), buffer.size());
  while (monotonic_now() < began + time) {
    const ssize_t got = ::read(ends[0], buffer.data(), buffer.size());
    if (got <= 0) return 1;
    bytes += static_cast<std::size_t>(got);
    write_all(ends[0], buffer.data(), static_cast<std::size_t>(got));
  }
  print_rate(bytes / message_size, began);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return 0;
}

int echo_worker() {
  cluster::ThisWorker& me = cluster::this_worker();
  me.on_message([&me](Value message) { me.post_message(std::move(message)).value(); });
  return run_main([]() -> Task<int> { co_return 0; });
}

int over_the_cluster(Duration time) {
  cluster::Primary primary({.restart = false});
  cluster::Worker& worker = *primary.fork();
  std::uint64_t echoes = 0;
  TimePoint began{};
  worker.on_message([&](Value message) {
    if (echoes++ == 0) began = monotonic_now();
    if (echoes % 1024 == 0 && monotonic_now() > began + time) {
      if (worker.exited_after_disconnect() || worker.state() == cluster::WorkerState::draining)
        return;
      print_rate(echoes, began);
      return worker.disconnect();
    }
    worker.post_message(std::move(message)).value();
  });
  for (int i = 0; i < outstanding; ++i) {
    worker.post_message(std::string(message_size, 'x')).value();
  }
  return primary.run();
}

}  // namespace

int main(int argc, char** argv) {
  if (cluster::is_worker()) return echo_worker();
  const std::string_view mode = argc > 2 ? argv[1] : "";
  const Duration time = std::chrono::seconds(argc > 2 ? std::atoi(argv[2]) : 0);
  if (mode == "bare") return bare(time);
  if (mode == "cluster") return over_the_cluster(time);
  fmt::print(stderr, "usage: bench_ipc bare|cluster SECONDS\n");
  return 2;
}
