// What one route may do otherwise than its server.
#pragma once

#include <brigade/time.hpp>

#include <cstddef>
#include <optional>

namespace brigade::http {

struct RouteOptions {
  /// From the request's dispatch to its answer; then the handler is cancelled (its next co_await
  /// throws Cancelled) and the client gets 503, unless the handler catches that and answers
  /// something else. Counts for handlers that are coroutines. 0: no deadline. Default: the server's
  /// handler_timeout.
  std::optional<Duration> deadline = {};
  /// Bytes, decoded; more is 413. Default: the server's max_body.
  std::optional<std::size_t> max_body = {};
  /// Served also when the server is overloaded: for health checks and figures.
  bool always = false;
};

}  // namespace brigade::http
