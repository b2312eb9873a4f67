// One end of a pipe that carries the program's messages: handlers, acknowledgements, requests.
//
// Invariants: what came without a handler lies in the kept lists and is handled before anything
// that comes later; every wait for an answer is in `waiting_` exactly as long as it is suspended.
#pragma once

#include <brigade/cluster_peer.hpp>
#include <brigade/task_group.hpp>

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>

#include "cluster/pipe.hpp"

namespace brigade::cluster::detail {

using brigade::detail::MessageHandler;

/// Loop thread only. What it calls may let go of it, but not of the loop.
class Messenger final : public std::enable_shared_from_this<Messenger> {
 public:
  struct Events {
    /// Once: the peer is gone, or did wrong.
    std::function<void(const char* error)> on_closed = {};
    /// Its name, and its encoded value with the descriptors.
    std::function<void(std::string_view name, Frame& frame, std::span<const std::byte> value)>
        on_broadcast = {};
  };

  static constexpr std::size_t most_kept = 1024;
  static constexpr std::size_t most_kept_bytes = std::size_t{1} << 20;

  /// `peer` names it in the log: "worker 3".
  Messenger(Fd socket, std::string peer, Events events, PipeLimits limits = {});
  ~Messenger() { tasks_.abandon(); }

  // Sending.
  Result<void> post(FrameKind kind, std::uint32_t sequence, Value&& value);
  /// A frame that is encoded already; its descriptors are duplicated.
  Result<void> post_broadcast(std::string_view name, std::span<const std::byte> value,
                              const std::vector<Fd>& descriptors);
  void answer(std::uint32_t sequence, Result<Value> value);
  void spawn(Task<> task) { tasks_.spawn(std::move(task), "request handler"); }
  std::uint32_t next_sequence() { return ++sequence_; }

  // Receiving.
  void set_message_handler(std::shared_ptr<MessageHandler> handler);
  void set_request_handler(std::shared_ptr<RequestHandler> handler);
  void set_close_handler(std::function<void()> handler) { on_close_ = std::move(handler); }
  bool has_message_handler() const { return static_cast<bool>(on_message_); }
  bool has_request_handler() const { return static_cast<bool>(on_request_); }

  Pipe& pipe() { return pipe_; }
  const std::string& peer() const { return peer_; }
  Error gone() const { return Error(EPIPE, peer_ + " is gone"); }
  Error full() const;
  /// Request handlers are running.
  bool busy() const { return tasks_.size() > 0; }
  /// Stops both ways. Those who wait hear of it; events and handlers do not, and are let go of.
  void close();
  /// Reads what has come, then closes: for a worker that is gone.
  void read_rest_and_close();

  // Those who wait (messenger_waits.cpp).
  class ReplyWait;
  class RoomWait;
  bool others_wait_for_room() const { return !room_waiters_.empty(); }

 private:
  struct Kept {
    FrameKind kind;
    std::uint32_t sequence;
    Value value;
    std::size_t bytes;
  };
  struct DeliverKept final : brigade::detail::ReadyNode {
    explicit DeliverKept(Messenger& of) : messenger(of) {}
    void on_ready() override { messenger.deliver_kept(); }
    Messenger& messenger;
  };

  bool received(Frame& frame, const char*& error);
  bool dispatch(Frame& frame, const char*& error);
  bool received_value(Frame& frame, const char*& error);
  void received_answer(std::uint32_t sequence, Result<Value> value);
  bool received_refusal(const Frame& frame, const char*& error);
  bool received_broadcast(Frame& frame, const char*& error);
  void keep(FrameKind kind, std::uint32_t sequence, Value&& value, std::size_t bytes);
  void handle(FrameKind kind, std::uint32_t sequence, Value&& value);
  void handle_message(FrameKind kind, std::uint32_t sequence, Value&& value);
  void deliver_kept();
  void refuse(std::uint32_t sequence, const Error& error);
  void complain(const std::string& what);
  bool has_room_for_answer();
  void wake_room_waiters();
  void closed(const char* error);
  void end_waits();

  const std::string peer_;
  Events events_;
  Loop& loop_;
  const ValueLimits value_limits_;
  Pipe pipe_;
  std::uint32_t sequence_ = 0;
  std::shared_ptr<MessageHandler> on_message_;
  std::shared_ptr<RequestHandler> on_request_;
  std::function<void()> on_close_;
  std::deque<Kept> kept_messages_, kept_requests_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t dropped_ = 0;
  DeliverKept deliver_kept_{*this};
  std::unordered_map<std::uint32_t, ReplyWait*> waiting_;
  brigade::detail::List<RoomWait> room_waiters_;
  TimePoint next_complaint_{};
  std::uint64_t untold_ = 0;  // complaints since the last one that was told
  TaskGroup tasks_;           // request handlers that are Tasks; last: it ends first
};

}  // namespace brigade::cluster::detail
