// The socket between the primary and one worker.
#pragma once

#include <brigade/loop.hpp>

#include <deque>
#include <functional>

#include "cluster/message.hpp"

namespace brigade::cluster::detail {

/// Never blocks: what the peer does not read waits in a bounded queue, and a peer that lets it fill
/// (stopped, or gone mad) counts as lost. Loop thread only.
class Channel final : private Watcher {
 public:
  struct Callbacks {
    /// Must not destroy the channel.
    std::function<void(Message)> on_message;
    /// Once: the peer is gone, or `error` says what it did wrong. The channel may be destroyed in
    /// it.
    std::function<void(const char* error)> on_closed;
  };

  Channel(Fd socket, Callbacks callbacks);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  /// A connected pair of such sockets, for primary and worker.
  static Result<std::pair<Fd, Fd>> make_pair();

  /// Takes the message's descriptor. Dropped when the channel is closed.
  void send(Message message);
  /// Messages that the peer has not taken yet.
  std::size_t queued() const { return queue_.size(); }
  bool open() const { return static_cast<bool>(socket_); }
  /// Reads what has come, without waiting for the loop to notice: for the moment a child is reaped.
  void receive_pending() { receive(); }

 private:
  static constexpr std::size_t max_queued = 1024;

  void on_event(std::uint32_t events) override;
  void receive();
  void flush();
  void close(const char* error);

  Fd socket_;
  Callbacks callbacks_;
  Loop& loop_;
  std::deque<Message> queue_;
  bool awaits_room_ = false;
};

}  // namespace brigade::cluster::detail
