// The server that the corpus is played against: its routes and limits are those that the cases
// assume.
//
//     conformance-subject [--port N] [--host ADDRESS] [--workers N]
//
// Hits on /canary are counted per worker, so a client that reads the count asks for one worker.
#include <brigade/cluster_run.hpp>
#include <brigade/http/form.hpp>
#include <brigade/http/json.hpp>
#include <brigade/http/server.hpp>
#include <brigade/sleep.hpp>

#include <fmt/format.h>

#include <string>

using namespace brigade;
using namespace std::chrono_literals;

namespace {

constexpr http::ServerOptions limits = {
    .max_request_line = 8 << 10,
    .max_fields = 16 << 10,
    .max_field_count = 100,
    .max_body = 1 << 20,
    .header_timeout = 2s,
    .body_timeout = 2s,
    .idle_timeout = 2s,
};

std::string parameter(http::Request& request, std::string_view name) {
  const auto value = request.query().get(name);
  if (!value) throw http::HttpError(400, fmt::format("{}: missing", name));
  return std::string(*value);
}

void add_plain_routes(http::Server& server) {
  server.get("/", [](http::Request&) { return http::text("hello\n"); });
  server.get("/canary", [hits = 0](http::Request&) mutable {
    http::Response response = http::text("CANARY");
    response.set("Canary-Hits", fmt::to_string(++hits));
    return response;
  });
  server.get("/nocontent", [](http::Request&) { return http::empty(); });
  server.get("/redirect",
             [](http::Request& request) { return http::redirect(parameter(request, "to"), 302); });
  server.get("/set-header", [](http::Request& request) {
    http::Response response = http::text("set\n");
    response.set("X-Set", parameter(request, "v"));
    return response;
  });
  server.get("/whoami",
             [](http::Request& request) { return http::text(request.remote_address()); });
  server.get("/big-10mb", [](http::Request&) { return http::text(std::string(10 << 20, 'x')); });
  server.get("/slow-100ms", [](http::Request&) -> Task<http::Response> {
    co_await sleep(100ms);
    co_return http::text("slow\n");
  });
}

void add_body_routes(http::Server& server) {
  server.post("/echo", [](http::Request& request) -> Task<http::Response> {
    auto body = co_await request.body();
    co_return http::Response::ok(std::move(body), "application/octet-stream");
  });
  server.post("/ignore-body", [](http::Request&) { return http::text("ignored\n"); });
  server.post("/json", [](http::Request& request) -> Task<http::Response> {
    auto value = co_await http::json_body<boost::json::value>(request);
    co_return http::json(value);
  });
  server.post("/form", [](http::Request& request) -> Task<http::Response> {
    auto body = co_await request.body();
    auto form = http::QueryParams::parse(body);
    if (!form) throw http::HttpError(400, form.error().message());
    co_return http::text(fmt::format("{} fields\n", form->size()));
  });
}

}  // namespace

int main(int argc, char** argv) {
  return cluster::run(argc, argv, {.description = "Serves what the conformance corpus assumes."},
                      [](const cluster::Place& place) {
                        http::Server server(limits);
                        add_plain_routes(server);
                        add_body_routes(server);
                        return server.listen(place).run();
                      });
}
