// Accepting connections from a socket: `balanced`, `shared`, and each queue of `reuse_port`.
//
// Invariants: the socket is in our epoll set exactly when our bit is in the shared mask and we are
// not paused. We take the bit away before we leave the set, and after EPOLL_CTL_DEL accept until
// the queue is empty: the wake-up that we may have been given was exclusive, nobody else gets it.
// The socket leaves the set before it is closed, because the primary's duplicate would keep a
// closed one registered.
#pragma once

#include <brigade/loop.hpp>

#include "cluster/accept.hpp"
#include "cluster/connection_source.hpp"
#include "cluster/own_slot.hpp"

namespace brigade::cluster::detail {

class Listener final : public ConnectionSource, private Watcher {
 public:
  Listener(Process::Socket socket, Acceptor& acceptor);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() override { stop(); }

  const std::string& address() const override { return socket_.address; }
  const std::string& key() const override { return socket_.key; }
  bool stop() override;
  void connection_ended() override {
    if (out_) consider_returning();
  }

 private:
  struct Recheck final : Timer {
    explicit Recheck(Listener& of) : listener(of) {}
    void on_timer() override { listener.consider_returning(); }
    Listener& listener;
  };

  void on_event(std::uint32_t events) override;
  Accept::Outcome accept_one();
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
  stats::ListenerBoard* board_;  // null: nobody else accepts from this queue
  Recheck recheck_;
  Duration recheck_in_{};  // while it is out
  Accept accept_;
  bool in_set_ = false;
  bool out_ = false;     // left the queue to the others for a while
  bool paused_ = false;  // out of descriptors or memory, or full
};

}  // namespace brigade::cluster::detail
