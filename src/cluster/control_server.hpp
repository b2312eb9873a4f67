// The control socket's clients, and what none of them may do to the others.
//
// Invariants: at most max_clients, of which one at least is not busy, so that there is always one
// whose place a newcomer can take: the one that has asked for nothing for longest. Nothing here
// waits for a client, and an idle socket arms no timer.
#pragma once

#include <brigade/loop.hpp>
#include <brigade/value.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cluster/control_connection.hpp"

namespace brigade::cluster::detail {

struct ControlLimits {
  std::size_t max_clients = 32;
  /// For a whole request to come, and for an answer to be read.
  Duration patience = std::chrono::seconds(5);
};

/// Loop thread only.
class ControlServer final : private Watcher, private Timer {
 public:
  /// Answers, now or later, by answer(), refuse(), wait(), begin_stream().
  using Handler = std::function<void(ControlConnection&, const std::string& request)>;

  /// `socket` listens, and outlives this. Each client is greeted with `hello`.
  ControlServer(int socket, const Value& hello, Handler handler, ControlLimits limits = {});
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

  /// Null when it has gone.
  ControlConnection* find(std::uint64_t id);
  /// Whether one more may be busy.
  bool may_wait() const;
  /// To all that stream.
  void send_event(const Value& event);
  bool has_streams() const;

  static Value failure(std::string_view code, std::string_view text);

  const ControlLimits& limits() const { return limits_; }
  std::size_t size() const { return clients_.size(); }

 private:
  friend class ControlConnection;
  void on_event(std::uint32_t events) override;
  void on_timer() override;
  void accept_one();
  bool make_room();
  void received(ControlConnection& client, const std::string& request);
  void forget(ControlConnection& client);

  int socket_;
  std::string hello_;
  Handler handler_;
  ControlLimits limits_;
  Loop& loop_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<ControlConnection>> clients_;
  TimePoint refusal_told_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace brigade::cluster::detail
