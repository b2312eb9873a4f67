// What a handler sees of a request.
#pragma once

#include <brigade/http/form.hpp>
#include <brigade/http/head.hpp>
#include <brigade/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace brigade::http {

class Match;
class Request;

namespace detail {

class BodyWait;
class Forwarding;
class ServerCore;
struct Origin;
struct ProxyHeader;

/// Where a body comes from.
class BodySource {
 public:
  /// True when the body, or an error, is there at once; else `wait` is resumed when it is.
  virtual bool want_body(BodyWait& wait) = 0;
  virtual void forget_body_wait() = 0;

 protected:
  ~BodySource() = default;
};

}  // namespace detail

/// Owned by its connection and valid until the handler's task has ended; so are all views it hands
/// out. Loop thread only.
class Request {
 public:
  Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  ~Request();

  Method method() const { return head_.method; }
  std::string_view method_name() const { return head_.method_name; }
  /// As sent, with the query.
  std::string_view target() const { return head_.target; }
  /// As sent: percent escapes are not decoded.
  std::string_view path() const { return head_.path; }
  /// With port, where it was given. What a trusted proxy says, when its word on that counts.
  std::string_view host() const { return forwarding_ ? forwarded_host() : head_.host; }
  /// "https" when the client came to a trusted proxy by TLS, else "http".
  std::string_view scheme() const;
  /// The first field of that name, compared without case.
  std::optional<std::string_view> header(std::string_view name) const;
  const std::vector<Field>& headers() const { return head_.fields; }

  /// A parameter of the route's pattern, decoded. Throws std::logic_error when the pattern has none
  /// of that name, HttpError 400 for a bad escape.
  std::string param(std::string_view name) const;
  /// The same as an integer; HttpError 404 when it is none: such a resource does not exist.
  std::int64_t int_param(std::string_view name) const;
  /// The pattern of the route that was found, for logs and metrics.
  std::string_view route() const;

  /// Parsed at the first call. Throws HttpError 400 for more than 1000 pairs.
  const QueryParams& query() const;

  /// The whole body: `auto image = co_await request.body();`. Once per request, then
  /// std::logic_error. It is read only now, so that a handler which does not want a body never has
  /// it in memory. Throws HttpError 413 when it is longer than the server's limit, 400 when it is
  /// broken off or malformed, 408 when it is too slow.
  detail::BodyWait body();

  /// The body as an application/x-www-form-urlencoded form. Throws HttpError 415 when the client
  /// says that it is something else, 400 for bad escapes, and what body() throws.
  Task<QueryParams> form();

  /// Counts up within this process.
  std::uint64_t id() const { return id_; }
  /// The client's address, "192.0.2.7:51324": what trusted proxies in front say, or else the
  /// peer's, which is asked of the kernel. Without a port when a proxy does not tell it; empty for
  /// a Unix socket's client.
  std::string remote_address() const;

 private:
  const detail::Origin& origin() const;
  std::string_view forwarded_host() const;

  friend class Connection;
  friend class detail::BodyWait;
  friend class detail::ServerCore;
  RequestHead head_;
  const Match* match_ = nullptr;
  mutable std::optional<QueryParams> query_;
  std::string body_;
  bool body_taken_ = false;
  int body_error_ = 0;  // an HTTP status
  const char* body_problem_ = "";
  detail::BodySource* source_ = nullptr;
  int socket_ = -1;
  const detail::ProxyHeader* proxied_ = nullptr;    // what a PROXY header said
  const detail::Forwarding* forwarding_ = nullptr;  // null when no proxy is trusted
  mutable std::unique_ptr<detail::Origin> origin_;  // worked out when asked for
  std::uint64_t id_ = 0;
};

class [[nodiscard]] detail::BodyWait final : public brigade::detail::Awaiter {
 public:
  explicit BodyWait(Request& request) : Awaiter("body"), request_(request) {}
  ~BodyWait() {
    if (waiting_) request_.source_->forget_body_wait();
  }
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    if (!enter(waiter) || request_.source_->want_body(*this)) return false;
    waiting_ = true;
    return true;
  }
  std::string await_resume();

  void body_is_here() {
    waiting_ = false;
    resume();
  }

 private:
  void on_cancel() override {
    waiting_ = false;
    request_.source_->forget_body_wait();
    resume_later();
  }
  Request& request_;
  bool waiting_ = false;
};

inline detail::BodyWait Request::body() {
  return detail::BodyWait(*this);
}

}  // namespace brigade::http
