#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <brigade/http/error.hpp>
#include <brigade/http/request.hpp>

#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "http/percent.hpp"
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

std::string Request::remote_address() const {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(socket_, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (peer.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &peer, sizeof v6);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {  // an IPv4 client of a socket for both
      ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
      return fmt::format("{}:{}", text.data(), ntohs(v6.sin6_port));
    }
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return fmt::format("[{}]:{}", text.data(), ntohs(v6.sin6_port));
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &peer, sizeof v4);
  ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  return fmt::format("{}:{}", text.data(), ntohs(v4.sin_port));
}

std::string detail::BodyWait::await_resume() {
  throw_if_cancelled();
  if (std::exchange(request_.body_taken_, true))
    throw std::logic_error("the body was taken before");
  if (request_.body_error_ != 0) throw HttpError(request_.body_error_, request_.body_problem_);
  return std::move(request_.body_);
}

}  // namespace brigade::http
