// Middleware around a handler.
#pragma once

#include <brigade/http/handler.hpp>

#include <vector>

namespace brigade::http {

/// What answers one kind of request: the server's middleware, then a handler. Constant once it
/// serves.
///
/// With `errors`, an exception becomes its answer in the layer that threw it, so that every layer
/// around sees a Response: a request id, CORS fields or an access log belong on errors most of all.
/// Cancelled passes, as there is nobody to answer.
class Chain {
 public:
  Chain(const std::vector<Middleware>& middleware, const Handler& handler,
        const ErrorHandler* errors = nullptr)
      : middleware_(middleware), handler_(handler), errors_(errors) {}

  /// Neither a coroutine handler nor a coroutine middleware: answer() does it without a frame.
  bool is_plain() const;
  /// For a plain chain.
  Response answer(Request& request) const;
  /// For any chain.
  Task<Response> run(Request& request) const;

 private:
  friend class Next;
  Task<Response> run_from(std::size_t index, Request& request) const;
  Task<Response> run_layer(std::size_t index, Request& request) const;
  Response recover(Request& request, std::exception_ptr error) const;

  const std::vector<Middleware>& middleware_;
  const Handler& handler_;
  const ErrorHandler* errors_;
};

}  // namespace brigade::http
