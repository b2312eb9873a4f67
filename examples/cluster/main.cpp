// One HTTP server in several processes, from the plain pieces.
#include <brigade/cluster.hpp>
#include <brigade/http/server.hpp>
#include <brigade/log.hpp>
#include <brigade/system.hpp>

#include <fmt/format.h>
#include <unistd.h>

using namespace brigade;

int main() {
  if (cluster::is_primary()) {
    cluster::Primary primary;  // replaces workers that die; .restart = false leaves that to you
    for (unsigned n = 0; n < available_parallelism(); ++n) primary.fork();
    primary.on_listening([](cluster::Worker& worker, const std::string& address) {
      fmt::print("worker {} (pid {}) listens on {}\n", worker.id(), worker.pid(), address);
    });
    primary.on_exit([](cluster::Worker& worker, ExitStatus status) {
      log::warn("worker {} {}", worker.pid(), status.text());
    });
    return primary.run();  // SIGTERM: drain; SIGHUP: reload
  }
  http::Server server;
  server.get("/", [](http::Request&) {
    return http::text(fmt::format("Hello from worker {}\n", ::getpid()));
  });
  return server.listen(8000).run();  // all workers share the port
}
