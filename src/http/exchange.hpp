// One request and the making of its answer. Connections borrow these from their server.
#pragma once

#include <brigade/http/request.hpp>
#include <brigade/http/response.hpp>

#include <optional>

#include "http/chunked.hpp"
#include "http/parser.hpp"
#include "http/route_tree.hpp"

namespace brigade::http::detail {

struct Exchange {
  explicit Exchange(const Limits& limits) : parser(limits) {}

  HeadParser parser;
  Request request;
  Match match;

  // The body, as far as it was asked for.
  std::uint64_t body_left = 0;  // of a Content-Length
  ChunkedDecoder chunks;
  bool body_done = true;
  bool continue_sent = false;
  TimePoint body_began{};
  std::string behind;  // bytes of the next request that came with the end of this one's body

  // The handler, when it is a coroutine. The task goes first: its frame refers to the scope.
  std::optional<brigade::detail::TaskScope> scope;
  std::optional<Task<Response>> task;
};

}  // namespace brigade::http::detail
