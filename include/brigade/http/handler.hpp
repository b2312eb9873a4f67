// Functions that answer requests.
#pragma once

#include <brigade/http/request.hpp>
#include <brigade/http/response.hpp>
#include <brigade/task.hpp>

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <vector>

namespace brigade::http {

/// A plain function answers at once and costs no coroutine frame; a coroutine may await. Either is
/// kept for the life of the server, so captures by value are safe for as long as any request runs.
class Handler {
 public:
  using Plain = std::function<Response(Request&)>;
  using Async = std::function<Task<Response>(Request&)>;

  template <class Function>
    requires std::is_invocable_v<Function&, Request&>
  Handler(Function function) {
    using Answer = std::invoke_result_t<Function&, Request&>;
    static_assert(std::is_same_v<Answer, Response> || std::is_same_v<Answer, Task<Response>>,
                  "a handler takes a Request& and returns a Response or a Task<Response>");
    if constexpr (std::is_same_v<Answer, Response>) {
      plain = std::move(function);
    } else {
      async = std::move(function);
    }
  }

  Plain plain;  // exactly one of the two is set
  Async async;
};

class Chain;

/// The rest of the chain, for a middleware to call: once, or not at all (twice throws
/// std::logic_error). What it returns is an answer also where a handler threw: the error's. Only
/// Cancelled passes through.
class Next {
 public:
  Task<Response> operator()();

 private:
  friend class Chain;
  Next(const Chain& chain, std::size_t index, Request& request)
      : chain_(chain), index_(index), request_(request) {}
  const Chain& chain_;
  std::size_t index_;
  Request& request_;
  bool called_ = false;
};

/// Around every handler, in the order of use(), like the layers of an onion (Koa):
///     server.use([](Request& request, Next next) -> Task<Response> {
///       auto response = co_await next();
///       response.set("X-Served-By", "brigade");
///       co_return response;
///     });
/// Two forms cost no coroutine: `std::optional<Response>(Request&)` runs before and may answer
/// itself, `void(Request&, Response&)` runs after and may change the answer.
class Middleware {
 public:
  using Around = std::function<Task<Response>(Request&, Next)>;
  using Before = std::function<std::optional<Response>(Request&)>;
  using After = std::function<void(Request&, Response&)>;

  template <class Function>
  Middleware(Function function) {
    if constexpr (std::is_invocable_r_v<Task<Response>, Function&, Request&, Next>) {
      around = std::move(function);
    } else if constexpr (std::is_invocable_r_v<std::optional<Response>, Function&, Request&>) {
      before = std::move(function);
    } else {
      static_assert(
          std::is_invocable_v<Function&, Request&, Response&>,
          "a middleware is Task<Response>(Request&, Next), std::optional<Response>(Request&) "
          "or void(Request&, Response&)");
      after = std::move(function);
    }
  }

  Around around;  // exactly one of the three is set
  Before before;
  After after;
};

/// Answers for an exception that escaped a handler or a middleware.
using ErrorHandler = std::function<Response(Request&, std::exception_ptr)>;

}  // namespace brigade::http
