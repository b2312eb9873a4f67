// Kills or reloads the workers of a small service under load, and says what clients noticed.
//
//   bench_storm kills 200     kill -9 of a random worker, 200 times; time to the replacement
//   listening bench_storm reloads 20    rolling reloads, one after another
//
// Two clients run all the while: 32 kept-alive connections, and 4 that connect for every request.
// In the kill storm only what was in flight on a killed worker may fail; in the reload storm
// nothing.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/cluster.hpp>
#include <brigade/http/server.hpp>
#include <brigade/sleep.hpp>
#include <brigade/task_group.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace brigade;
using namespace std::chrono_literals;

namespace {

constexpr unsigned workers = 4;

int serve() {
  http::Server server;
  server.get("/", [](http::Request&) { return http::text("Hello, World!"); });
  return server.listen(cluster::Place{.host = "127.0.0.1", .port = 0}).run();
}

struct Client {
  pid_t pid;
  const char* name;
};

Client start_client(const char* name, const std::string& port, bool per_request) {
  const std::string program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "bench_load";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const char* connections = per_request ? "4" : "32";
    ::execl(program.c_str(), "bench_load", "--port", port.c_str(), "--seconds", "3600",
            "--connections", connections, per_request ? "--per-request" : nullptr, nullptr);
    ::_exit(127);
  }
  return {pid, name};
}

class Storm {
 public:
  Storm(bool reloads, int count) : reloads_(reloads), left_(count) {}

  int run() {
    cluster::Primary primary({.max_workers = workers * 2 + 2, .drain_quiet = 1s});
    primary_ = &primary;
    primary.on_listening([this](cluster::Worker& worker, const std::string& address) {
      listening_since_[worker.id()] = monotonic_now();
      const auto killed = killed_at_.find(worker.number());
      if (killed != killed_at_.end()) {
        times_ms_.push_back(
            std::chrono::duration<double, std::milli>(monotonic_now() - killed->second).count());
        killed_at_.erase(killed);
      }
      if (clients_.empty() && listening_since_.size() == workers) {
        const std::string port = address.substr(address.rfind(':') + 1);
        clients_ = {start_client("keep-alive", port, false),
                    start_client("connection-per-request", port, true)};
        group_.spawn(reloads_ ? reload_storm() : kill_storm(), "storm");
      }
    });
    primary.on_exit(
        [this](cluster::Worker& worker, ExitStatus) { listening_since_.erase(worker.id()); });
    for (unsigned n = 0; n < workers; ++n) primary.fork();
    return primary.run();
  }

 private:
  Task<> kill_storm() {
    std::mt19937 random(20261122);
    co_await sleep(1500ms);
    while (left_ > 0) {
      // Only those that have lived for more than the second which makes them stable.
      std::vector<cluster::Worker*> stable;
      for (cluster::Worker* worker : primary_->workers()) {
        const auto since = listening_since_.find(worker->id());
        if (since != listening_since_.end() && monotonic_now() - since->second > 1050ms)
          stable.push_back(worker);
      }
      if (!stable.empty()) {
        cluster::Worker* victim = stable[random() % stable.size()];
        killed_at_[victim->number()] = monotonic_now();
        victim->kill(SIGKILL);
        --left_;
      }
      co_await sleep(std::chrono::milliseconds(200 + random() % 200));
    }
    co_await sleep(1s);
    co_await finish();
  }

  Task<> reload_storm() {
    co_await sleep(500ms);
    while (left_-- > 0) {
      const std::uint64_t before = newest();
      const TimePoint began = monotonic_now();
      primary_->reload().value();
      while (newest() < before + workers || primary_->workers().size() > workers)
        co_await sleep(20ms);
      times_ms_.push_back(
          std::chrono::duration<double, std::milli>(monotonic_now() - began).count());
    }
    co_await finish();
  }

  std::uint64_t newest() const {
    std::uint64_t id = 0;
    for (const auto& [each, since] : listening_since_) id = std::max(id, each);
    return id;
  }

  // The clients first, so that what they could not get from a stopping cluster does not count.
  Task<> finish() {
    std::sort(times_ms_.begin(), times_ms_.end());
    const auto at = [this](double share) {
      return times_ms_[std::min(
          times_ms_.size() - 1,
          static_cast<std::size_t>(share * static_cast<double>(times_ms_.size())))];
    };
    fmt::print(
        "{} {}: median {:.1f} ms, p99 {:.1f} ms, max {:.1f} ms\n", times_ms_.size(),
        reloads_ ? "reloads of 4 workers, each" : "kills, from kill to the replacement listening",
        at(0.5), at(0.99), times_ms_.back());
    for (const Client& client : clients_) {
      fmt::print("{}: ", client.name);
      std::fflush(stdout);
      ::kill(client.pid, SIGTERM);
      ::waitpid(client.pid, nullptr, 0);
    }
    primary_->shutdown();
    co_return;
  }

  bool reloads_;
  int left_;
  cluster::Primary* primary_ = nullptr;
  std::map<std::uint64_t, TimePoint> listening_since_;
  std::map<std::uint32_t, TimePoint> killed_at_;
  std::vector<double> times_ms_;
  std::vector<Client> clients_;
  TaskGroup group_;
};

}  // namespace

int main(int argc, char** argv) {
  if (cluster::is_worker()) return serve();
  const std::string mode = argc == 3 ? argv[1] : "";
  if (mode != "kills" && mode != "reloads") {
    fmt::print(stderr, "usage: {} kills|reloads COUNT\n", argv[0]);
    return 2;
  }
  return Storm(mode == "reloads", std::atoi(argv[2])).run();
}
