// A lean load generator for loopback: closed loop (as fast as answers come), for a time or a number
// of requests, or open loop (--rate), where latency counts from the moment a request was due.
//
//   bench_load --port 3000 --connections 64 --depth 16 --seconds 3
//   bench_load --port 3000 --requests 10000            exactly so many, for counting instructions
//   bench_load --port 3000 --per-request --seconds 3   a connection for each request
//   bench_load --port 3000 --rate 1000 --seconds 5     open loop
//
// It understands `Connection: close` and counts every request that got no whole answer.
#include <fmt/format.h>
#include <getopt.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "load_connection.hpp"

namespace {

double now() {
  timespec at{};
  ::clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
}

volatile std::sig_atomic_t told_to_end = 0;  // SIGTERM: report and end

struct Settings {
  bench::Target target;
  int connections = 64;
  double seconds = 3;
  long requests = 0;
  double rate = 0;
  std::string path = "/";
};

class Load {
 public:
  explicit Load(const Settings& settings)
      : settings_(settings), poller_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (int n = 0; n < settings.connections; ++n) {
      connections_.push_back(std::make_unique<bench::Connection>(settings_.target, poller_));
    }
    latencies_.reserve(8'000'000);
  }

  int run() {
    const double began = now();
    const double end = settings_.requests > 0 ? began + 600 : began + settings_.seconds;
    next_due_ = began;
    if (settings_.rate == 0) {
      for (auto& connection : connections_) begin(*connection);
    }
    std::array<epoll_event, 256> events;
    while (now() < end && !finished() && !told_to_end) {
      const timespec timeout = until_due();
      const int count = ::epoll_pwait2(poller_, events.data(), static_cast<int>(events.size()),
                                       &timeout, nullptr);
      if (settings_.rate > 0) issue_due();
      for (int n = 0; n < count; ++n) {
        handle(*static_cast<bench::Connection*>(events[static_cast<std::size_t>(n)].data.ptr));
      }
      if (settings_.rate == 0 && count == 0) revive();
    }
    report(now() - began);
    return failed_ == 0 ? 0 : 1;
  }

 private:
  bool finished() const { return settings_.requests > 0 && done_ + failed_ >= settings_.requests; }
  bool may_issue() const { return settings_.requests == 0 || issued_ < settings_.requests; }

  // Asleep until the next request is due: an open loop that spun would take a core from the server.
  timespec until_due() const {
    double wait = 0.1;
    if (settings_.rate > 0) wait = std::clamp(next_due_ - now(), 0.0, 0.1);
    return {0, static_cast<long>(wait * 1e9)};
  }

  void begin(bench::Connection& connection) {
    if (!may_issue()) return;
    begin_at(connection, now());
  }
  void begin_at(bench::Connection& connection, double due) {
    const bool fresh =
        settings_.target.per_request || !connection.connected() || connection.must_reconnect();
    issued_ += settings_.target.depth;
    connection.began = due;
    if ((fresh && !connection.connect()) || !connection.send()) {
      fail(connection);
    }
  }
  void fail(bench::Connection& connection) {
    failed_ += settings_.target.depth;
    connection.close();
  }
  void handle(bench::Connection& connection) {
    if (!connection.connected()) return;
    switch (connection.ready()) {
      case bench::Connection::Event::nothing:
        return;
      case bench::Connection::Event::failed:
        fail(connection);
        break;
      case bench::Connection::Event::batch_done:
        latencies_.push_back(static_cast<float>((now() - connection.began) * 1e6));
        done_ += settings_.target.depth;
        if (settings_.target.per_request) connection.close();
        break;
    }
    if (settings_.rate == 0) begin(connection);
  }
  // Refused connections have no event to wake them.
  void revive() {
    for (auto& connection : connections_) {
      if (!connection->connected()) begin(*connection);
    }
  }
  void issue_due() {
    for (const double at = now(); next_due_ <= at; next_due_ += 1 / settings_.rate)
      due_.push_back(next_due_);
    for (std::size_t tried = 0; !due_.empty() && tried < connections_.size(); ++tried) {
      bench::Connection& connection = *connections_[turn_++ % connections_.size()];
      if (connection.connected() && !connection.idle()) continue;
      begin_at(connection, due_.front());
      due_.pop_front();
    }
  }
  void report(double took) {
    std::sort(latencies_.begin(), latencies_.end());
    const auto at = [this](double share) {
      if (latencies_.empty()) return 0.0F;
      return latencies_[std::min(
          latencies_.size() - 1,
          static_cast<std::size_t>(static_cast<double>(latencies_.size()) * share))];
    };
    std::uint64_t bad = 0;
    for (auto& connection : connections_) bad += connection->bad_status;
    fmt::print(
        "rps {:.0f} done {} failed {} bad_status {} p50_us {:.0f} p90_us {:.0f} p99_us {:.0f} "
        "p999_us {:.0f} max_us {:.0f}\n",
        static_cast<double>(done_) / took, done_, failed_, bad, at(0.5), at(0.9), at(0.99),
        at(0.999), latencies_.empty() ? 0.0F : latencies_.back());
  }

  const Settings& settings_;
  int poller_;
  std::vector<std::unique_ptr<bench::Connection>> connections_;
  std::vector<float> latencies_;
  std::deque<double> due_;
  double next_due_ = 0;
  std::size_t turn_ = 0;
  long issued_ = 0;
  long done_ = 0;
  long failed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGTERM, [](int) { told_to_end = 1; });
  Settings settings;
  const std::array<option, 10> options{{{"port", required_argument, nullptr, 'p'},
                                        {"connections", required_argument, nullptr, 'c'},
                                        {"depth", required_argument, nullptr, 'd'},
                                        {"seconds", required_argument, nullptr, 's'},
                                        {"requests", required_argument, nullptr, 'n'},
                                        {"rate", required_argument, nullptr, 'r'},
                                        {"path", required_argument, nullptr, 'u'},
                                        {"per-request", no_argument, nullptr, 'o'},
                                        {nullptr, 0, nullptr, 0}}};
  for (int found = 0; (found = ::getopt_long(argc, argv, "", options.data(), nullptr)) != -1;) {
    switch (found) {
      case 'p':
        settings.target.port = std::atoi(optarg);
        break;
      case 'c':
        settings.connections = std::atoi(optarg);
        break;
      case 'd':
        settings.target.depth = std::atoi(optarg);
        break;
      case 's':
        settings.seconds = std::atof(optarg);
        break;
      case 'n':
        settings.requests = std::atol(optarg);
        break;
      case 'r':
        settings.rate = std::atof(optarg);
        break;
      case 'u':
        settings.path = optarg;
        break;
      case 'o':
        settings.target.per_request = true;
        break;
      default:
        return 2;
    }
  }
  if (settings.target.port == 0) {
    fmt::print(stderr,
               "usage: {} --port N [--connections N] [--depth N] [--seconds S | --requests N] "
               "[--rate N] [--path P] [--per-request]\n",
               argv[0]);
    return 2;
  }
  settings.target.request = fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
                                        settings.path, settings.target.port);
  return Load(settings).run();
}
