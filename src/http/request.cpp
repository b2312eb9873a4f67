#include <fmt/format.h>
#include <brigade/http/error.hpp>
#include <brigade/http/request.hpp>

#include <charconv>
#include <stdexcept>
#include <utility>

#include "http/forwarded.hpp"
#include "http/percent.hpp"
#include "http/proxy_protocol.hpp"
#include "http/route_tree.hpp"

namespace brigade::http {

std::optional<std::string_view> Request::header(std::string_view name) const {
  const Field* field = head_.find(name);
  if (!field) return std::nullopt;
  return field->value;
}

std::string Request::param(std::string_view name) const {
  const auto raw = match_ ? match_->param(name) : std::nullopt;
  if (!raw)
    throw std::logic_error(fmt::format("the route \"{}\" has no parameter \"{}\"", route(), name));
  std::string out;
  if (!percent_decode(*raw, out)) throw HttpError(400, "a bad percent escape in the path");
  return out;
}

std::int64_t Request::int_param(std::string_view name) const {
  const std::string text = param(name);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) throw HttpError(404, "not found");
  return value;
}

std::string_view Request::route() const {
  return match_ ? match_->pattern() : std::string_view();
}

const QueryParams& Request::query() const {
  if (!query_) {
    auto parsed = QueryParams::parse(head_.query);
    if (!parsed) throw HttpError(400, parsed.error().message());
    query_ = std::move(*parsed);
  }
  return *query_;
}

Task<QueryParams> Request::form() {
  const auto type = header("Content-Type");
  if (type &&
      !equal_ignoring_case(type->substr(0, type->find(';')), "application/x-www-form-urlencoded")) {
    throw HttpError(415, "expected Content-Type: application/x-www-form-urlencoded");
  }
  std::string text = co_await body();
  auto parsed = QueryParams::parse(text);
  if (!parsed) throw HttpError(400, parsed.error().message());
  co_return std::move(*parsed);
}

Request::Request() = default;
Request::~Request() = default;

const detail::Origin& Request::origin() const {
  if (origin_) return *origin_;
  // A PROXY header that names nobody is about the proxy's own connection.
  const bool told = proxied_ && proxied_->source.kind != detail::PeerAddress::Kind::unknown;
  const auto peer = told ? proxied_->source : detail::PeerAddress::of_socket(socket_);
  detail::Origin out;
  out.client = peer;
  if (forwarding_) out = forwarding_->resolve(head_, peer);
  out.https = out.https || (proxied_ && proxied_->tls);
  origin_ = std::make_unique<detail::Origin>(std::move(out));
  return *origin_;
}

std::string Request::remote_address() const {
  return origin().client.text();
}

std::string_view Request::scheme() const {
  if (!forwarding_ && !proxied_) return "http";
  return origin().https ? "https" : "http";
}

std::string_view Request::forwarded_host() const {
  const auto& told = origin().host;
  return told ? std::string_view(*told) : head_.host;
}

std::string detail::BodyWait::await_resume() {
  throw_if_cancelled();
  if (std::exchange(request_.body_taken_, true))
    throw std::logic_error("the body was taken before");
  if (request_.body_error_ != 0) throw HttpError(request_.body_error_, request_.body_problem_);
  return std::move(request_.body_);
}

}  // namespace brigade::http
