// A cluster of which tests ask to be changed by its own program: SIGRTMIN recycles the first
// worker, SIGRTMIN + n scales to n. Workers serve on "/", which says who it is.
#include <fmt/format.h>
#include <unistd.h>
#include <brigade/cluster.hpp>
#include <brigade/http/server.hpp>
#include <brigade/log.hpp>
#include <brigade/signal.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

using namespace brigade;
using brigade::cluster::Worker;

namespace {

int run_primary(unsigned workers) {
  Loop loop;
  cluster::Primary primary({.max_workers = 8});
  std::size_t listening = 0;
  for (unsigned index = 0; index < workers; ++index) primary.fork();
  primary.on_listening([&](Worker& worker, const std::string& address) {
    fmt::print("worker {} listens at position {}\n", worker.id(), worker.number());
    if (++listening == workers) fmt::print("Listening on http://{}\n", address);
    std::fflush(stdout);
  });
  std::vector<std::unique_ptr<SignalWatch>> signals;
  signals.push_back(std::make_unique<SignalWatch>(
      SIGRTMIN, [&] { primary.workers().front()->recycle("a test asks for it"); }));
  for (int count = 1; count < 10; ++count) {
    signals.push_back(std::make_unique<SignalWatch>(SIGRTMIN + count, [&primary, count] {
      const auto scaled = primary.scale(static_cast<unsigned>(count));
      if (!scaled) log::error("{}", scaled.error().message());
    }));
  }
  return primary.run();
}

}  // namespace

int main(int, char**) {
  if (cluster::is_primary()) return run_primary(2);
  http::Server server;
  server.get("/", [](http::Request&) { return http::text(fmt::format("pid {}", ::getpid())); });
  server.listen({.host = "127.0.0.1", .port = 0});
  return server.run();
}
