// An HTTP/1.1 server: routes, limits, and the sockets it listens on.
//
//     http::Server server;
//     server.get("/", [](http::Request&) { return http::text("Hello"); });
//     return server.listen(8000).run();
//
// In a cluster's worker its socket is the primary's, shared with the other workers; elsewhere its
// own.
#pragma once

#include <brigade/cluster_run.hpp>
#include <brigade/http/error.hpp>
#include <brigade/http/handler.hpp>
#include <brigade/http/route_options.hpp>
#include <brigade/http/sticky.hpp>
#include <brigade/http/trusted_proxies.hpp>
#include <brigade/time.hpp>

#include <memory>
#include <string>
#include <vector>

namespace brigade::http {

struct ServerOptions {
  // Limits. What passes one is answered and the connection closed.
  std::size_t max_request_line = 8192;  // bytes; 414
  std::size_t max_fields = 32768;       // bytes of all field lines; 431
  std::size_t max_field_count = 100;    // 431
  std::size_t max_body = 1 << 20;       // bytes, decoded; 413
  /// Connections at once in this process. 0: nine tenths of the descriptors it may open.
  std::size_t max_connections = 0;
  /// Bytes of answers that may wait for a client which does not read, before its next request is
  /// looked at.
  std::size_t max_pending_output = 256 << 10;

  // Times, all counted from the phase's beginning, so that a slow drip does not extend them.
  /// From a connection's or a request's first byte to its last field; then 408.
  Duration header_timeout = std::chrono::seconds(10);
  /// A body may take this long, and a second more for each body_min_rate bytes that came; then 408.
  Duration body_timeout = std::chrono::seconds(10);
  std::size_t body_min_rate = 1024;
  /// Between requests. The connection is closed without a word.
  Duration idle_timeout = std::chrono::seconds(60);
  /// For a client to take the next byte of an answer.
  Duration write_timeout = std::chrono::seconds(30);
  /// For a handler that is a coroutine, body included; then it is cancelled. 0: none.
  Duration handler_timeout = Duration::zero();

  // Overload. What passes one is answered with 503 and Retry-After before any work is done on it.
  /// How long a request may have waited for the loop, as far as the loop can know: the time since
  /// the sockets that it works through became ready. 0: no limit.
  Duration max_queue_age = std::chrono::seconds(2);
  /// Handlers that wait for something at once, in this server. 0: no limit.
  std::size_t max_in_flight = 0;
  /// What Retry-After tells a client that was refused. Whole seconds, at least one.
  std::chrono::seconds retry_after = std::chrono::seconds(1);

  /// Whose X-Forwarded-* or Forwarded fields request.remote_address(), scheme() and host() follow.
  TrustedProxies trusted_proxies = {};

  // Performance.
  int backlog = 4096;
};

namespace detail {
class ServerCore;
}

/// Loop thread only, once it serves. Several servers may serve on one loop.
class Server {
 public:
  explicit Server(ServerOptions options = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Patterns: "/users/:id", "/files/*path". Throws std::invalid_argument for a pattern that makes
  /// no sense or is there already. All routes are added before it serves.
  Server& route(Method method, const std::string& pattern, Handler handler,
                RouteOptions options = {});
  Server& get(const std::string& pattern, Handler handler, RouteOptions options = {}) {
    return route(Method::get, pattern, std::move(handler), options);
  }
  Server& post(const std::string& pattern, Handler handler, RouteOptions options = {}) {
    return route(Method::post, pattern, std::move(handler), options);
  }
  Server& put(const std::string& pattern, Handler handler, RouteOptions options = {}) {
    return route(Method::put, pattern, std::move(handler), options);
  }
  Server& patch(const std::string& pattern, Handler handler, RouteOptions options = {}) {
    return route(Method::patch, pattern, std::move(handler), options);
  }
  Server& del(const std::string& pattern, Handler handler, RouteOptions options = {}) {
    return route(Method::delete_, pattern, std::move(handler), options);
  }
  /// Around all routes, those added before it as well. Not found (404) and method not allowed (405)
  /// pass through it too.
  Server& use(Middleware middleware);
  /// Instead of the default, which answers HttpError with its status, Overloaded with 503 and
  /// Retry-After, anything else with 500 and a log line; all as {"error": …}.
  Server& on_error(ErrorHandler handler);

  /// Connections of clients with one key go to one worker (sticky.hpp). Without a cluster it
  /// changes nothing.
  Server& sticky(StickyKey key);

  /// Where to listen; may be called several times. Port 0: the kernel chooses.
  Server& listen(std::uint16_t port) { return listen(cluster::Place{.port = port}); }
  /// On a Unix socket: `curl --unix-socket PATH http://localhost/`.
  Server& listen(std::string path) { return listen(cluster::Place{.path = std::move(path)}); }
  /// Throws std::invalid_argument for options that make no sense.
  Server& listen(cluster::Place place, const ListenOptions& options = {});

  /// Serves until the process is told to stop, and has finished what it had. Returns the exit code:
  /// 0, or 1 when it cannot listen (the reason is logged, or told by the primary). Makes a loop for
  /// this thread unless there is one.
  int run();
  /// The same inside a task, to serve beside others: `co_await when_all(a.serve(), b.serve())`.
  /// Throws ErrorException when it cannot listen.
  Task<> serve();
  /// What it listens on: "0.0.0.0:8000", "unix:/run/app.sock". Empty before.
  std::vector<std::string> addresses() const;
  /// Stops accepting, finishes what is in flight; serve() then returns.
  void close();

 private:
  std::unique_ptr<detail::ServerCore> core_;
};

}  // namespace brigade::http
