// The inside of http::Server: routes, connections, and what connections share.
#pragma once

#include <brigade/event.hpp>
#include <brigade/http/server.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "cluster/connection_source.hpp"
#include "cluster/process.hpp"
#include "http/chain.hpp"
#include "http/exchange.hpp"
#include "http/forwarded.hpp"
#include "http/overload.hpp"
#include "http/route_tree.hpp"
#include "stats/slot.hpp"

namespace brigade::http {

class Connection;

namespace detail {

class ServerCore final : private cluster::detail::Drainable, private cluster::detail::Adopter {
 public:
  explicit ServerCore(ServerOptions options);
  ~ServerCore();

  void add_route(Method method, const std::string& pattern, Handler handler,
                 const RouteOptions& options);
  void add_place(cluster::Place place, const ListenOptions& options);
  Task<> serve();
  void close();

  // Set before it serves.
  std::vector<Middleware> middleware;
  ErrorHandler on_error;
  StickyKey sticky;  // may be empty

  // For connections.
  const ServerOptions& options() const { return options_; }
  Loop& loop() { return *loop_; }
  bool draining() const { return draining_; }
  stats::Slot& figures() { return *figures_; }
  const Forwarding* forwarding() const { return forwarding_.active() ? &forwarding_ : nullptr; }
  std::string_view date_line();
  std::uint64_t next_request_id() { return ++last_request_id_; }

  struct Route {
    Route(ServerCore& core, Handler of, const RouteOptions& its = {})
        : handler(std::move(of)), chain(core.middleware, handler, &core.errors_), options(its) {}
    void settle(const ServerOptions& server);
    Handler handler;
    Chain chain;
    RouteOptions options;
    // Once it serves:
    bool plain = false;
    bool always = false;
    Duration deadline{};  // 0: none
    std::size_t max_body = 0;
  };
  /// What answers this request; fills `match`.
  const Route& find(const RequestHead& head, Match& match);
  /// True: this request is to be refused. Reads no clock: batches do, when they end.
  bool sheds(const Route& route) {
    return overload_.sheds(loop_->ready_since(), std::max(loop_->now(), clock_), in_flight_) &&
           !route.always;
  }
  Response refuse_for_overload() const;
  /// The clock, read now, as the last that was read.
  TimePoint read_clock() { return clock_ = monotonic_now(); }
  void handler_begins() {
    ++in_flight_;
    figures_->loop.in_flight.add();
  }
  void handler_ends() {
    --in_flight_;
    figures_->loop.in_flight.sub();
  }
  Response answer_error(Request& request, std::exception_ptr error);
  void ended(Connection& connection);
  std::optional<std::uint32_t> elsewhere(std::uint64_t key) const {
    return process_->elsewhere(key);
  }
  /// To the worker of that position, with what was read of it.
  void pass_on(std::uint32_t position, std::uint64_t key, std::string_view bytes, Fd connection);

  /// Chunks and exchanges go round among the connections that have something to do, the last used
  /// first because it is still in the cache. An idle connection has neither.
  static constexpr std::size_t chunk_size = 16 << 10;
  char* take_chunk();
  void give_chunk(char* chunk);
  std::unique_ptr<Exchange> take_exchange();
  void give_exchange(std::unique_ptr<Exchange> exchange);
  std::array<char, 64 << 10>& scratch() { return *scratch_; }

 private:
  struct Cut final : Timer {
    explicit Cut(ServerCore& of) : core(of) {}
    void on_timer() override { core.cut(); }
    ServerCore& core;
  };

  // One socket's connections come in by it.
  struct Door final : cluster::detail::Acceptor {
    Door(ServerCore& of, cluster::Place where, bool wants_proxy, Networks may)
        : core(of), place(std::move(where)), proxy_protocol(wants_proxy), proxies(std::move(may)) {}
    void on_connection(Fd connection) override;
    bool has_room() override { return core.connection_count_ < core.max_connections_; }
    ServerCore& core;
    cluster::Place place;
    bool proxy_protocol;
    Networks proxies;
  };

  void add_connection(Fd socket, bool proxied);
  bool adopt(Fd& connection, std::uint64_t key, std::string_view bytes) override;
  bool add(std::unique_ptr<Connection> connection);
  void on_drain(Duration quiet, Duration deadline) override;
  void stop_listening();
  void cut();
  void finish_if_done();
  void leave_loop();

  ServerOptions options_;
  const ErrorHandler errors_;
  const Forwarding forwarding_;
  std::deque<Door> doors_;
  RouteTree tree_;
  std::deque<Route> routes_;  // a deque: chains refer to their handlers
  Route not_found_;
  Route not_allowed_;
  Route options_star_;

  Loop* loop_ = nullptr;
  std::shared_ptr<cluster::detail::Process> process_;
  stats::Slot* figures_ = nullptr;
  std::vector<std::unique_ptr<cluster::detail::ConnectionSource>> listeners_;
  std::string adopts_for_;  // what this server is known by in other workers
  brigade::detail::List<Connection> connections_;
  std::size_t connection_count_ = 0;
  std::size_t max_connections_ = 0;
  bool draining_ = false;
  Duration quiet_{};
  Cut cut_;
  std::unique_ptr<Event> done_;
  Overload overload_;
  std::size_t in_flight_ = 0;
  TimePoint clock_{};
  std::uint64_t last_request_id_ = 0;
  std::string date_line_;
  TimePoint date_valid_until_{};
  std::vector<char*> free_chunks_;
  std::vector<std::unique_ptr<Exchange>> free_exchanges_;
  std::unique_ptr<std::array<char, 64 << 10>> scratch_;

  friend class brigade::http::Server;
};

}  // namespace detail
}  // namespace brigade::http
