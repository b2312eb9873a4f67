// A route that costs 5 ms of CPU, for bench/overload.sh: overload_server [options of any app].
#include <brigade/brigade.hpp>

using namespace brigade;
using namespace std::chrono_literals;

int main(int argc, char** argv) {
  http::ServerOptions http;
  http.max_queue_age = 250ms;
  return run(argc, argv, {.workers = 1, .http = http}, [](App& app) {
    app.get("/", [](Request&) {
      const TimePoint until = monotonic_now() + 5ms;
      while (monotonic_now() < until) {
      }
      return text("done\n");
    });
    app.stats("/stats");
  });
}
