// The production template: a database route, a CPU route and the whole cluster's figures.
#include <fmt/format.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "thumbnail.hpp"
#include "users.hpp"

using namespace brigade;

namespace {

constexpr std::int64_t most_roots = 1'000'000'000;

double sum_of_square_roots(std::int64_t count) {
  double sum = 0;
  for (std::int64_t n = 1; n <= count; ++n) sum += std::sqrt(static_cast<double>(n));
  return sum;
}

// What is missing counts as `otherwise`; anything else must be a number in range.
std::int64_t number_or(Request& request, const char* name, std::int64_t otherwise,
                       std::int64_t least, std::int64_t most) {
  auto value = request.query().number_or<std::int64_t>(name, otherwise);
  if (!value) throw HttpError(400, value.error().message());
  if (*value < least || *value > most) {
    throw HttpError(400, fmt::format("{}: must be {} to {}", name, least, most));
  }
  return *value;
}

void set_up(App& app) {
  start_vips("production");
  const char* file = std::getenv("BRIGADE_DATABASE");
  auto db = app.database(fmt::format("sqlite:{}", file ? file : "users.db"));
  auto pool = app.pool({.max_queue = 64});

  app.get("/", [](Request&) { return text(fmt::format("Hello from worker {}", ::getpid())); });
  add_users(app, db);

  app.post("/thumbnail", [pool](Request& request) -> Task<Response> {
    const auto width = static_cast<int>(number_or(request, "width", 200, 1, 4000));
    auto image = co_await request.body();
    auto small = co_await pool.run(thumbnail, std::move(image), width);
    co_return Response::ok(std::move(small), "image/jpeg");
  });

  app.get("/heavy", [pool](Request& request) -> Task<Response> {
    const std::int64_t count = number_or(request, "n", 1'000'000, 0, most_roots);
    const double sum = co_await pool.run(sum_of_square_roots, count);
    co_return text(fmt::format("{:.3f}\n", sum));
  });

  app.stats("/stats");
}

void suggest(const cluster::Ready& ready) {
  std::printf(
      "Try:\n"
      "  curl %s/users\n"
      "  curl -H 'Content-Type: application/json' -d "
      "'{\"name\":\"Alan\",\"email\":\"alan@example.com\"}' "
      "%s/users\n"
      "  curl %s/stats\n",
      ready.url.c_str(), ready.url.c_str(), ready.url.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {.description = "Brigade's production template.",
              .on_ready = suggest,
              .http = {.max_body = 20 << 20}},
             set_up);
}
