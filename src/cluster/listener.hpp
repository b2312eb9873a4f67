// Accepting connections from a socket that all workers share.
//
// Invariants: the socket is in our epoll set exactly when our bit is in the shared mask and we are
// not paused. We take the bit away before we leave the set, and after EPOLL_CTL_DEL accept until
// the queue is empty: the wake-up that we may have been given was exclusive, nobody else gets it.
// The socket leaves the set before it is closed, because the primary's duplicate would keep a
// closed one registered.
#pragma once

#include <brigade/loop.hpp>

#include <functional>

#include "cluster/own_slot.hpp"
#include "cluster/process.hpp"

namespace brigade::cluster::detail {

class Acceptor {
 public:
  virtual void on_connection(Fd connection) = 0;
  /// False: it has as many as it may have.
  virtual bool has_room() = 0;

 protected:
  ~Acceptor() = default;
};

class Listener final : private Watcher {
 public:
  Listener(Process::Socket socket, Acceptor& acceptor);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { stop(); }

  const std::string& address() const { return socket_.address; }
  const std::string& key() const { return socket_.key; }
  /// For good: takes what waits, then closes. False when it was stopped before.
  bool stop();
  /// A connection here has ended: there may be room, or it may be our turn again.
  void connection_ended() {
    if (out_) consider_returning();
  }

 private:
  struct Recheck final : Timer {
    explicit Recheck(Listener& of) : listener(of) {}
    void on_timer() override { listener.consider_returning(); }
    Listener& listener;
  };

  void on_event(std::uint32_t events) override;
  enum class Accepted { one, none, out_of_resources };
  Accepted accept_one();
  void accept_all();
  bool leave_if_above_share();
  void enter_set();
  void leave_set();
  void consider_returning();
  void pause(const char* why);
  struct Crowd crowd() const;
  bool is_sibling_fresh(unsigned slot) const;

  Process::Socket socket_;
  Acceptor& acceptor_;
  Loop& loop_;
  OwnSlot& own_;
  stats::ListenerBoard& board_;
  Recheck recheck_;
  Fd reserve_;
  bool in_set_ = false;
  bool out_ = false;     // left the queue to the others for a while
  bool paused_ = false;  // out of descriptors or memory, or full
  TimePoint next_complaint_{};
};

}  // namespace brigade::cluster::detail
