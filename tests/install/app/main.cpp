#include <brigade/cluster.hpp>
#include <brigade/http/server.hpp>

int main(int argc, char** argv) {
  return brigade::cluster::run(
      argc, argv, {.port = 3000}, [](const brigade::cluster::Place& place) {
        brigade::http::Server server;
        server.get("/", [](brigade::http::Request&) { return brigade::http::text("hello"); });
        return server.listen(place).run();
      });
}
