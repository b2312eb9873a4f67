#include "http/server_core.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <brigade/log.hpp>
#include <brigade/system.hpp>
#include <brigade/thread_pool.hpp>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>

#include "cluster/own_slot.hpp"
#include "http/connection.hpp"
#include "http/response_writer.hpp"

namespace brigade::http::detail {
namespace {

constexpr std::size_t kept_chunks = 256;
constexpr std::size_t kept_exchanges = 256;

std::string allow_value(MethodSet allowed) {
  std::string out;
  for (std::size_t index = 0; index < method_count; ++index) {
    const auto method = static_cast<Method>(index);
    if ((allowed & method_bit(method)) == 0) continue;
    if (!out.empty()) out += ", ";
    out += name_of(method);
  }
  return out;
}

// Nine tenths of the descriptors, and never the last few: databases, logs and the loop need some.
std::size_t default_max_connections() {
  const std::size_t limit = raise_fd_limit();
  constexpr std::size_t others = 40;
  return limit > 2 * others ? limit - std::max(limit / 10, others)
                            : std::max<std::size_t>(limit / 2, 1);
}

cluster::detail::Listen wanted(const cluster::Place& place, int backlog) {
  cluster::detail::Listen out{.host = place.host, .port = place.port, .backlog = backlog};
  out.ipv6_only = place.ipv6_only;
  out.exclusive = place.exclusive;
  if (place.path.empty()) return out;
  out.kind = cluster::detail::ListenKind::unix_stream;
  out.host = place.path;
  out.port = 0;
  out.mode = place.mode;
  return out;
}

Limits parser_limits(const ServerOptions& options) {
  return {options.max_request_line, options.max_fields, options.max_field_count};
}

}  // namespace

ServerCore::ServerCore(ServerOptions options)
    : options_(std::move(options)),
      errors_([this](Request& request, std::exception_ptr error) {
        return answer_error(request, error);
      }),
      forwarding_(options_.trusted_proxies),
      not_found_(*this, [](Request&) { return error(404, "not found"); }),
      not_allowed_(*this,
                   [](Request& request) {
                     Response response = error(405, "method not allowed");
                     response.set("Allow", allow_value(request.match_->allowed()));
                     return response;
                   }),
      // RFC 9110 section 9.3.7: about the server as a whole.
      options_star_(*this,
                    [](Request&) {
                      Response response = empty(204);
                      response.set("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
                      return response;
                    }),
      cut_(*this),
      overload_(options_.max_queue_age, options_.max_in_flight) {}

ServerCore::~ServerCore() {
  for (char* chunk : free_chunks_) std::free(chunk);
}

void ServerCore::Route::settle(const ServerOptions& server) {
  plain = chain.is_plain();
  always = options.always;
  deadline = options.deadline.value_or(server.handler_timeout);
  max_body = options.max_body.value_or(server.max_body);
}

void ServerCore::add_route(Method method, const std::string& pattern, Handler handler,
                           const RouteOptions& options) {
  const auto added = tree_.add(method, pattern, static_cast<std::uint32_t>(routes_.size()));
  if (!added) throw std::invalid_argument(added.error().message());
  routes_.emplace_back(*this, std::move(handler), options);
}

void ServerCore::add_place(cluster::Place place, const ListenOptions& options) {
  auto proxies = Networks::parse(options.proxies);
  if (!proxies) throw std::invalid_argument(proxies.error().message());
  if (options.proxy_protocol && proxies->empty()) {
    throw std::invalid_argument(
        "proxy_protocol without proxies: name the addresses that may say who a client is");
  }
  doors_.emplace_back(*this, std::move(place), options.proxy_protocol, std::move(*proxies));
}

const ServerCore::Route& ServerCore::find(const RequestHead& head, Match& match) {
  tree_.match(head.method, head.path, match);
  const Route* route = &not_found_;
  switch (match.outcome()) {
    case Match::Outcome::found:
      route = &routes_[match.handler()];
      break;
    case Match::Outcome::method_not_allowed:
      route = &not_allowed_;
      break;
    case Match::Outcome::not_found:
      if (head.path == "*") route = &options_star_;
      break;
  }
  return *route;
}

Response ServerCore::refuse_for_overload() const {
  Response response = error(503, "overloaded, try again later");
  response.set("Retry-After",
               fmt::format("{}", std::max<std::int64_t>(options_.retry_after.count(), 1)));
  return response;
}

Response ServerCore::answer_error(Request& request, std::exception_ptr error_pointer) {
  if (on_error) {
    try {
      return on_error(request, error_pointer);
    } catch (...) {
      error_pointer = std::current_exception();  // it rethrows what it does not know
    }
  }
  std::string what = "an exception that is not a std::exception";
  try {
    std::rethrow_exception(error_pointer);
  } catch (const HttpError& known) {
    if (known.status() >= 400 && known.status() < 500) return error(known.status(), known.what());
    log::error("{} {} (request {}): {}", request.method_name(), log::escape(request.route()),
               request.id(), log::escape(known.what()));
    // Nothing below is an error, and nothing above a status.
    const bool is_status = known.status() >= 500 && known.status() <= 599;
    return error(is_status ? known.status() : 500, known.what());
  } catch (const Overloaded&) {
    return refuse_for_overload();
  } catch (const std::exception& known) {
    what = known.what();
  } catch (...) {
  }
  log::error("{} {} (request {}, worker {}) failed: {}", request.method_name(),
             log::escape(request.route()), request.id(), ::getpid(), log::escape(what));
  return error(500, "internal server error");
}

Task<> ServerCore::serve() {
  loop_ = &Loop::current();
  process_ = cluster::detail::Process::join();
  figures_ = &cluster::detail::own_slot().figures();
  done_ = std::make_unique<Event>();
  scratch_ = std::make_unique<std::array<char, 64 << 10>>();
  max_connections_ =
      options_.max_connections ? options_.max_connections : default_max_connections();
  for (Route* route : {&not_found_, &not_allowed_, &options_star_}) route->settle(options_);
  for (Route& route : routes_) route.settle(options_);

  // However serve() ends (done, an address in use, cancelled, its frame destroyed), nothing of ours
  // stays on the loop.
  struct Leave {
    ServerCore& core;
    ~Leave() { core.leave_loop(); }
  } leave{*this};
  for (Door& door : doors_) {
    if (draining_) break;
    auto socket = co_await process_->listen(wanted(door.place, options_.backlog));
    if (!socket) throw ErrorException(socket.error());
    if (draining_) {  // closed meanwhile: nobody listens after all
      process_->unlisten(socket->key);
      break;
    }
    listeners_.push_back(cluster::detail::make_source(*process_, std::move(*socket), door));
    if (sticky && adopts_for_.empty()) {
      adopts_for_ = listeners_.back()->key();
      process_->add_adopter(adopts_for_, *this);
    }
    process_->listening(listeners_.back()->address());
  }
  process_->add(*this);
  finish_if_done();
  co_await done_->wait();
}

void ServerCore::leave_loop() {
  static_cast<cluster::detail::Drainable&>(*this).unlink();
  stop_listening();
  listeners_.clear();
  if (!adopts_for_.empty()) process_->remove_adopter(std::exchange(adopts_for_, {}));
  while (Connection* connection = connections_.pop_front()) connection->abandon();
  loop_->disarm(cut_);
  process_.reset();  // it belongs to the loop, and a server may outlive that
}

void ServerCore::stop_listening() {
  for (auto& listener : listeners_) {
    if (listener->stop()) process_->unlisten(listener->key());
  }
}

void ServerCore::close() {
  if (process_) on_drain(process_->own_quiet, process_->own_deadline);
}

void ServerCore::on_drain(Duration quiet, Duration deadline) {
  if (std::exchange(draining_, true)) return;
  quiet_ = quiet;
  stop_listening();
  connections_.for_each([quiet](Connection& connection) { connection.drain(quiet); });
  loop_->arm(cut_, deadline);
  finish_if_done();
}

void ServerCore::cut() {
  log::warn("{} connections are cut: the drain's deadline has passed", connection_count_);
  connections_.for_each([](Connection& connection) { connection.cut(); });
}

void ServerCore::finish_if_done() {
  if (draining_ && connection_count_ == 0 && done_) done_->set();
}

void ServerCore::Door::on_connection(Fd socket) {
  if (proxy_protocol && !proxies.contains(PeerAddress::of_socket(socket.get()))) return;
  core.add_connection(std::move(socket), proxy_protocol);
}

void ServerCore::add_connection(Fd socket, bool proxied) {
  add(std::make_unique<Connection>(*this, std::move(socket), proxied));
}

bool ServerCore::add(std::unique_ptr<Connection> owned) {
  if (!owned->start()) return false;
  Connection* connection = owned.release();  // it deletes itself
  connections_.push_back(*connection);
  ++connection_count_;
  figures_->loop.connections_open.add();
  figures_->loop.connections_total.add();
  if (draining_) connection->drain(std::max<Duration>(quiet_, std::chrono::seconds(1)));
  return true;
}

bool ServerCore::adopt(Fd& socket, std::uint64_t key, std::string_view bytes) {
  if (draining_ || connection_count_ >= max_connections_) return false;
  auto connection = std::make_unique<Connection>(*this, std::move(socket), false);
  connection->take_over(key, bytes);
  return add(std::move(connection));
}

void ServerCore::pass_on(std::uint32_t position, std::uint64_t key, std::string_view bytes,
                         Fd connection) {
  process_->pass_on({adopts_for_, key, position}, bytes, std::move(connection));
}

void ServerCore::ended(Connection& connection) {
  static_cast<brigade::detail::ListNode&>(connection).unlink();
  --connection_count_;
  figures_->loop.connections_open.sub();
  for (auto& listener : listeners_) listener->connection_ended();
  finish_if_done();
}

std::string_view ServerCore::date_line() {
  if (loop_->now() >= date_valid_until_) {
    const std::int64_t now_ms = unix_millis();
    date_line_ = http::date_line(now_ms / 1000);
    date_valid_until_ = loop_->now() + std::chrono::milliseconds(1000 - now_ms % 1000);
  }
  return date_line_;
}

char* ServerCore::take_chunk() {
  if (!free_chunks_.empty()) {
    char* chunk = free_chunks_.back();
    free_chunks_.pop_back();
    return chunk;
  }
  auto* chunk = static_cast<char*>(std::malloc(chunk_size));
  if (!chunk) throw std::bad_alloc();
  return chunk;
}

void ServerCore::give_chunk(char* chunk) {
  if (free_chunks_.size() < kept_chunks) {
    free_chunks_.push_back(chunk);
  } else {
    std::free(chunk);
  }
}

std::unique_ptr<Exchange> ServerCore::take_exchange() {
  if (free_exchanges_.empty()) return std::make_unique<Exchange>(parser_limits(options_));
  auto exchange = std::move(free_exchanges_.back());
  free_exchanges_.pop_back();
  return exchange;
}

void ServerCore::give_exchange(std::unique_ptr<Exchange> exchange) {
  if (free_exchanges_.size() < kept_exchanges) free_exchanges_.push_back(std::move(exchange));
}

}  // namespace brigade::http::detail
