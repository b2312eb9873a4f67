#include "http/chain.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace brigade::http {

Task<Response> Next::operator()() {
  if (std::exchange(called_, true)) throw std::logic_error("a middleware called next() twice");
  return chain_.run_from(index_, request_);
}

bool Chain::is_plain() const {
  return handler_.plain && std::none_of(middleware_.begin(), middleware_.end(),
                                        [](const Middleware& one) { return bool(one.around); });
}

Response Chain::answer(Request& request) const {
  if (middleware_.empty()) return handler_.plain(request);
  // The layers in front of the handler, until one of them answers; then those around it, inside
  // out.
  std::size_t entered = 0;
  std::optional<Response> response;
  try {
    while (!response && entered < middleware_.size()) {
      const Middleware& one = middleware_[entered++];
      if (one.before) response = one.before(request);
    }
    if (!response) response = handler_.plain(request);
  } catch (...) {
    response = recover(request, std::current_exception());
  }
  while (entered-- > 0) {
    if (!middleware_[entered].after) continue;
    try {
      middleware_[entered].after(request, *response);
    } catch (...) {
      response = recover(request, std::current_exception());
    }
  }
  return std::move(*response);
}

Response Chain::recover(Request& request, std::exception_ptr error) const {
  if (!errors_) std::rethrow_exception(error);
  return (*errors_)(request, error);
}

Task<Response> Chain::run(Request& request) const {
  // Nothing around it: no frame of ours either.
  if (middleware_.empty() && handler_.async) return handler_.async(request);
  return run_from(0, request);
}

Task<Response> Chain::run_from(std::size_t index, Request& request) const {
  std::exception_ptr error;
  try {
    Task<Response> layer = run_layer(index, request);
    co_return co_await std::move(layer);
  } catch (const Cancelled&) {
    throw;
  } catch (...) {
    error = std::current_exception();
  }
  co_return recover(request, error);
}

Task<Response> Chain::run_layer(std::size_t index, Request& request) const {
  if (index == middleware_.size()) {
    if (handler_.plain) co_return handler_.plain(request);
    Task<Response> task = handler_.async(request);
    co_return co_await std::move(task);
  }
  const Middleware& one = middleware_[index];
  if (one.around) {
    Task<Response> task = one.around(request, Next(*this, index + 1, request));
    co_return co_await std::move(task);
  }
  if (one.before) {
    std::optional<Response> response = one.before(request);
    if (response) co_return std::move(*response);
  }
  Task<Response> rest = run_from(index + 1, request);
  Response response = co_await std::move(rest);
  if (one.after) one.after(request, response);
  co_return response;
}

}  // namespace brigade::http
