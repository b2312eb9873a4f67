// App: an HTTP server in a cluster, with its pools, its database and its figures, in one object.
#pragma once

#include <brigade/cluster_run.hpp>
#include <brigade/database.hpp>
#include <brigade/http/json.hpp>
#include <brigade/http/server.hpp>
#include <brigade/task_group.hpp>
#include <brigade/thread_pool.hpp>

#include <functional>
#include <optional>
#include <string>

namespace brigade {

/// See cluster::RunOptions for what the command line and the environment change.
struct AppOptions {
  std::optional<unsigned> workers = {};
  std::uint16_t port = 3000;
  std::string host = {};
  /// A Unix socket's path, instead of host and port.
  std::string socket = {};
  cluster::Scheduling scheduling = cluster::Scheduling::balanced;
  bool pin = false;
  std::string description = {};
  Duration drain_deadline = std::chrono::seconds(30);
  Duration probation = std::chrono::seconds(3);
  unsigned surge = 1;
  cluster::RestartOptions restarts = {};
  cluster::WorkerLimits limits = {};
  std::function<void(const cluster::Ready&)> on_ready = {};
  std::optional<cluster::ControlSocket> control = cluster::ControlSocket{};
  http::ServerOptions http = {};
};

/// One per worker, made by run() and given to the setup function. Loop thread only.
class App {
 public:
  App(cluster::Place place, http::ServerOptions options);

  // As http::Server.
  App& get(const std::string& pattern, http::Handler handler, http::RouteOptions options = {});
  App& post(const std::string& pattern, http::Handler handler, http::RouteOptions options = {});
  App& put(const std::string& pattern, http::Handler handler, http::RouteOptions options = {});
  App& patch(const std::string& pattern, http::Handler handler, http::RouteOptions options = {});
  App& del(const std::string& pattern, http::Handler handler, http::RouteOptions options = {});
  App& use(http::Middleware middleware);
  App& on_error(http::ErrorHandler handler);

  /// A pool whose size is this worker's part of the machine: CPUs divided by workers, at least one.
  /// It shows in the stats.
  ThreadPool pool(ThreadPoolOptions options = {});
  /// Opens a database: "sqlite:path". Throws ErrorException with a plain message when it cannot,
  /// which ends the start-up of the worker.
  Database database(const std::string& url, DatabaseOptions options = {});
  /// The whole cluster's figures as JSON, from whichever worker answers.
  App& stats(const std::string& pattern = "/stats");

  /// Runs `task` beside the requests: a ticker, a queue's reader. When the worker stops, after its
  /// last answer, the task's next co_await throws Cancelled, and it is waited for. `name` must be a
  /// literal.
  App& spawn(Task<> task, const char* name = "background");

  /// Where to listen, unless the command line or the environment say otherwise. Without a call:
  /// where those say, or on port 3000.
  App& listen(std::uint16_t port);
  /// On a Unix socket, likewise.
  App& listen(const std::string& path);
  /// Serves until told to stop. run() calls it after setup.
  int serve();
  http::Server& server() { return server_; }

 private:
  cluster::Place place_;
  http::Server server_;
  bool listens_ = false;
  TaskGroup background_;
};

/// A whole main(): reads the options, becomes the primary, or calls `setup` in each worker and
/// serves. Returns the process's exit code. An exception out of `setup` ends the worker with its
/// message.
int run(int argc, char** argv, AppOptions options, const std::function<void(App&)>& setup);

namespace http {
/// An array of objects, one for each row.
Response json(const sql::Rows& rows, int status = 200);
}  // namespace http

}  // namespace brigade
