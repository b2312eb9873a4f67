// One client's connection: reads, has requests answered in order, writes.
//
// Why a state machine and not a coroutine: a connection is idle most of its life and then must cost
// next to nothing, and its reactions (reset, drain, time out, close politely) depend on the phase,
// not on where some code stands. Handlers are coroutines; the connection is not.
//
// Invariants:
// - The socket is edge-triggered and registered once for all events. `readable_` is true from an
// event
//   until a read comes back short (after a FIN's: until it comes back empty), so nothing is read
//   that was not announced and no edge is lost.
// - While a handler runs nothing is read but the body it asks for, so that `request`'s views into
// the
//   input stay where they are, and a client that sends without end meets TCP's flow control.
// - Answers gather in `out_` and leave in one write when the input holds no further complete
// request.
// - One timer, armed late: `deadline_` may move away without touching the wheel.
// - It is deleted by destroy() only, and while a handler's task exists only when the server itself
// goes.
#pragma once

#include <brigade/list.hpp>
#include <brigade/loop.hpp>

#include <memory>
#include <optional>
#include <string>

#include "http/exchange.hpp"
#include "http/out_buffer.hpp"
#include "http/proxy_protocol.hpp"

namespace brigade::http {

namespace detail {
class ServerCore;
}

class Connection final : public brigade::detail::ListNode,
                         private Watcher,
                         private brigade::detail::TaskOwner,
                         private detail::BodySource {
 public:
  /// `proxied`: a PROXY header comes first.
  Connection(detail::ServerCore& server, Fd socket, bool proxied);
  ~Connection();

  /// False when the kernel cannot watch one more.
  bool start();
  /// Before that: another worker has read `bytes` from it, of a client whose key is `key`.
  void take_over(std::uint64_t key, std::string_view bytes);
  /// The server drains: an idle connection is closed after `quiet`, others with their next answer.
  void drain(Duration quiet);
  /// The drain's deadline: end now, or as soon as the handler has.
  void cut();
  /// The server goes: end now. A handler's frame is destroyed where it waits.
  void abandon() { destroy(); }

 private:
  enum class Phase : std::uint8_t {
    idle,      // between requests
    head,      // part of a request's head is here
    handling,  // its handler runs
    body,      // its handler waits for the body
    closing,   // the last answer is being written
    lingering  // written and half-closed: reading on so that a reset does not destroy the answer
  };
  struct Alarm final : Timer {
    explicit Alarm(Connection& of) : connection(of) {}
    void on_timer() override { connection.time_is_up(); }
    Connection& connection;
  };
  struct TaskDone final : brigade::detail::ReadyNode {
    explicit TaskDone(Connection& of) : connection(of) {}
    void on_ready() override { connection.task_finished(); }
    Connection& connection;
  };
  struct GoOn final : brigade::detail::ReadyNode {
    explicit GoOn(Connection& of) : connection(of) {}
    void on_ready() override { connection.resume(); }
    Connection& connection;
  };

  // connection.cpp: the socket. A function that returns bool returns false when `this` is gone.
  void on_event(std::uint32_t events) override;
  bool pump();
  void resume();
  enum class Read { some, nothing, ended };
  Read read();
  bool flush();
  bool written();
  void linger();
  bool discard_input();
  void peer_is_gone();
  void destroy();
  void make_room();
  void ensure_capacity(std::size_t capacity);
  void drop_chunk();
  void settle();
  void leave_for_its_worker();
  void set_deadline(TimePoint at);
  void time_is_up();
  void wait_for_handler();
  void handler_is_late();

  // connection_exchange.cpp: requests and answers.
  bool process();
  bool answer_what_is_there();
  bool take_proxy_header();
  bool belongs_elsewhere();
  void dispatch();
  void begin_body(std::size_t limit);
  void answer(Response& response);
  void refuse(int status, const char* reason);
  void on_task_done() override;
  void task_finished();
  void end_exchange();
  void count_batch();
  bool handler_runs() const { return phase_ == Phase::handling || phase_ == Phase::body; }

  // connection_body.cpp
  bool want_body(detail::BodyWait& wait) override;
  void forget_body_wait() override { body_wait_ = nullptr; }
  void take_buffered_body();
  std::size_t take_body_bytes(std::string_view bytes);
  void fail_body(int status, const char* problem);
  void read_body();
  bool skip_rest_of_body();
  void hand_over_body();

  detail::ServerCore& server_;
  Fd socket_;
  Alarm alarm_;
  TaskDone task_done_;
  GoOn go_on_;
  TimePoint deadline_;
  TimePoint handler_deadline_ = TimePoint::max();
  TimePoint alarm_at_;
  TimePoint batch_began_;

  // Input: chunk_[begin_, end_).
  char* chunk_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;

  detail::OutBuffer out_;
  std::string large_;  // a big body, after what is in out_
  std::size_t large_sent_ = 0;

  std::unique_ptr<detail::Exchange> exchange_;
  detail::BodyWait* body_wait_ = nullptr;
  std::unique_ptr<detail::ProxyHeader> proxied_;
  std::uint64_t sticky_key_ = 0;               // for which it is in the right place
  std::optional<std::uint32_t> goes_to_ = {};  // the position that it is passed to
  std::uint32_t batch_ = 0;                    // answers since the last write
  Phase phase_ = Phase::idle;
  bool awaits_proxy_ = false;  // the PROXY header is still to come
  bool readable_ = false;
  bool blocked_ = false;        // the socket takes no more for now
  bool fin_announced_ = false;  // an event told of the peer's FIN: reads go on until they meet it
  bool peer_done_ = false;      // it sent its FIN, and all before it is read
  bool gone_ = false;           // reset, or cut: nothing more can be sent
  bool in_process_ = false;     // process() is on the stack
  bool must_linger_ = false;    // bytes may be under way that nobody will read
};

}  // namespace brigade::http
