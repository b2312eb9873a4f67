// Middleware around a handler.
#pragma once

#include <brigade/http/handler.hpp>

#include <vector>

namespace brigade::http {

/// What answers one kind of request: the server's middleware, then a handler. Constant once it serves.
class Chain {
 public:
  Chain(const std::vector<Middleware>& middleware, const Handler& handler)
      : middleware_(middleware), handler_(handler) {}

  /// Neither a coroutine handler nor a coroutine middleware: answer() does it without a frame.
  bool is_plain() const;
  /// For a plain chain.
  Response answer(Request& request) const;
  /// For any chain.
  Task<Response> run(Request& request) const;

 private:
  friend class Next;
  Task<Response> run_from(std::size_t index, Request& request) const;

  const std::vector<Middleware>& middleware_;
  const Handler& handler_;
};

}  // namespace brigade::http
