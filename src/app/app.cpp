#include <brigade/app.hpp>
#include <brigade/log.hpp>
#include <brigade/stats.hpp>
#include <brigade/system.hpp>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cstdlib>

#include "cluster/own_slot.hpp"
#include "stats/report.hpp"

namespace brigade {

namespace {
Task<> finish(TaskGroup& group) {
  co_await group.join();
}
}  // namespace

App::App(cluster::Place place, http::ServerOptions options)
    : place_(std::move(place)), server_(std::move(options)) {
  server_.on_error([](http::Request&, std::exception_ptr error) -> http::Response {
    try {
      std::rethrow_exception(error);  // what is not caught here is the server's default
    } catch (const DatabaseError& known) {
      if (known.kind() != DatabaseError::Kind::busy) throw;
      log::warn("{}", log::escape(known.what()));
      return http::error(503, "the database is busy, try again later").set("Retry-After", "1");
    }
  });
}

App& App::get(const std::string& pattern, http::Handler handler, http::RouteOptions options) {
  server_.get(pattern, std::move(handler), options);
  return *this;
}
App& App::post(const std::string& pattern, http::Handler handler, http::RouteOptions options) {
  server_.post(pattern, std::move(handler), options);
  return *this;
}
App& App::put(const std::string& pattern, http::Handler handler, http::RouteOptions options) {
  server_.put(pattern, std::move(handler), options);
  return *this;
}
App& App::patch(const std::string& pattern, http::Handler handler, http::RouteOptions options) {
  server_.patch(pattern, std::move(handler), options);
  return *this;
}
App& App::del(const std::string& pattern, http::Handler handler, http::RouteOptions options) {
  server_.del(pattern, std::move(handler), options);
  return *this;
}
App& App::use(http::Middleware middleware) {
  server_.use(std::move(middleware));
  return *this;
}
App& App::on_error(http::ErrorHandler handler) {
  server_.on_error(std::move(handler));
  return *this;
}

ThreadPool App::pool(ThreadPoolOptions options) {
  if (options.threads == 0) {
    options.threads = std::max(1U, available_parallelism() / cluster::worker_count());
  }
  if (const char* nice = std::getenv("BRIGADE_POOL_NICE")) options.nice = std::atoi(nice);
  if (!options.meter) options.meter = &cluster::detail::own_slot().figures().pool;
  return ThreadPool(std::move(options));
}

Database App::database(const std::string& url, DatabaseOptions options) {
  return Database::open(url, options).value();
}

App& App::stats(const std::string& pattern) {
  return get(pattern,
             [](http::Request&) {
               http::Response response =
                   http::json_text(stats::to_json(stats::read(cluster::detail::own_slot().board)));
               response.set("Cache-Control", "no-store");
               return response;
             },
             {.always = true});
}

App& App::listen(std::uint16_t port) {
  cluster::Place place = place_;
  if (!place_.port_given || listens_) place.port = port;
  if (!place_.path_given || listens_) place.path.clear();
  listens_ = true;
  server_.listen(place);
  return *this;
}

App& App::listen(const std::string& path) {
  cluster::Place place = place_;
  const bool told = place_.port_given || place_.path_given;
  if (!told || listens_) place.path = path;
  listens_ = true;
  server_.listen(place);
  return *this;
}

App& App::spawn(Task<> task, const char* name) {
  background_.spawn(std::move(task), name);
  return *this;
}

int App::serve() {
  if (!listens_) server_.listen(place_);
  const int code = server_.run();
  background_.cancel(CancelReason::shutdown);
  Loop::current().run(finish(background_), "stop");
  return code;
}

int run(int argc, char** argv, AppOptions options, const std::function<void(App&)>& setup) {
  cluster::RunOptions settings;
  settings.workers = options.workers;
  settings.port = options.port;
  settings.host = options.host;
  settings.socket = options.socket;
  settings.scheduling = options.scheduling;
  settings.pin = options.pin;
  settings.description = options.description;
  settings.drain_deadline = options.drain_deadline;
  settings.probation = options.probation;
  settings.surge = options.surge;
  settings.restarts = options.restarts;
  settings.limits = options.limits;
  settings.on_ready = options.on_ready;
  settings.control = options.control;
  return cluster::run(argc, argv, settings, [&](const cluster::Place& place) {
    App app(place, options.http);
    setup(app);
    return app.serve();
  });
}

namespace http {

Response json(const sql::Rows& rows, int status) {
  return json_text(boost::json::serialize(to_json(rows))).status(status);
}

}  // namespace http
}  // namespace brigade
