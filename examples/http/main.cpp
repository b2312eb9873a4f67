// A server behind a load balancer, with limits of its own.
#include <brigade/brigade.hpp>

using namespace brigade;
using namespace std::chrono_literals;

int main(int argc, char** argv) {
  http::ServerOptions http;
  http.handler_timeout = 30s;  // for handlers that are coroutines
  http.max_queue_age = 500ms;  // what has waited longer is answered 503 with Retry-After
  http.max_in_flight = 2000;   // so is what comes when so many handlers wait
  http.trusted_proxies = {.addresses = {"10.0.0.0/8", "unix"}};

  return run(argc, argv, {.http = http}, [](App& app) {
    app.get("/", [](Request& request) {
      return text(request.remote_address() + " by " + std::string(request.scheme()) + "\n");
    });
    // A route with a deadline and a body limit of its own.
    app.post("/upload",
             [](Request& request) -> Task<Response> {
               auto file = co_await request.body();
               co_return json(file.size(), 201);
             },
             {.deadline = 120s, .max_body = 100 << 20});
    // For whoever asks whether this lives: served when all else is refused, too.
    app.get("/health", [](Request&) { return text("ok\n"); }, {.always = true});
  });
}
