// The smallest service: one route, as many processes as there are CPUs.
#include <brigade/cluster_run.hpp>
#include <brigade/http/server.hpp>

using namespace brigade;

int main(int argc, char** argv) {
  return cluster::run(argc, argv, {.description = "Says hello."}, [](const cluster::Place& place) {
    http::Server server;
    server.get("/", [](http::Request&) { return http::text("Hello, World!"); });
    return server.listen(place).run();
  });
}
