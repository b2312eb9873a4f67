// What a handler can do, in one file.
#include <fmt/format.h>
#include <brigade/brigade.hpp>

using namespace brigade;
using namespace std::chrono_literals;

struct Greeting {
  std::string name;
  std::optional<int> times;  // may be missing
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (name, times))

Task<int> slow_number(int number) {
  co_await sleep(50ms);
  co_return number;
}

int main(int argc, char** argv) {
  return run(argc, argv, {}, [](App& app) {
    // Around every handler: the first used is the outermost.
    app.use([](Request& request, Next next) -> Task<Response> {
      auto response = co_await next();
      response.set("X-Request-Id", fmt::format("{}", request.id()));
      co_return response;
    });
    // Before: may answer itself, and costs no coroutine.
    app.use([](Request& request) -> std::optional<Response> {
      if (request.path().starts_with("/admin") &&
          request.header("Authorization") != "Bearer secret") {
        return Response(401).set("WWW-Authenticate", "Bearer");
      }
      return std::nullopt;
    });

    // Parameters, a wildcard, the query.
    app.get("/users/:user/notes/:note", [](Request& request) {
      return text(fmt::format("note {} of {}\n", request.int_param("note"), request.param("user")));
    });
    app.get("/files/*path", [](Request& request) { return text(request.param("path")); });
    app.get("/search", [](Request& request) {
      auto limit = request.query().number<int>("limit");
      if (!limit) throw HttpError(400, limit.error().message());
      return text(fmt::format("at most {} results\n", *limit));
    });

    // Bodies: JSON into a struct, a form, bytes.
    app.post("/greet", [](Request& request) -> Task<Response> {
      auto greeting = co_await json_body<Greeting>(request);
      co_return json(fmt::format("{} x {}", greeting.name, greeting.times.value_or(1)), 201);
    });
    app.post("/form", [](Request& request) -> Task<Response> {
      auto form = co_await request.form();
      co_return text(std::string(form.get("name").value_or("nobody")));
    });
    app.post("/echo", [](Request& request) -> Task<Response> {
      auto bytes = co_await request.body();
      co_return Response::ok(std::move(bytes), "application/octet-stream");
    });

    // Two things at once.
    app.get("/sum", [](Request&) -> Task<Response> {
      auto numbers = co_await when_all(slow_number(1), slow_number(2));
      co_return json(std::get<0>(numbers) + std::get<1>(numbers));
    });
    app.get("/admin/fault", [](Request&) -> Response { throw std::runtime_error("told so"); });
  });
}
