// The socket for the program's own messages between two processes of a cluster, beside the channel
// on which primary and workers talk: a flood of messages holds up no order to drain.
#pragma once

#include <brigade/loop.hpp>
#include <brigade/value.hpp>

#include <deque>
#include <functional>
#include <optional>

#include "cluster/pipe_decoder.hpp"

namespace brigade::cluster::detail {

struct PipeLimits {
  /// Bytes of one frame's body, also for what comes in.
  std::size_t max_body = std::size_t{16} << 20;
  /// Bytes that may wait to be written. The frame that exceeds it still goes in.
  std::size_t max_queued = std::size_t{1} << 20;
};

/// Never blocks. What is put in during a turn of the loop is written at its end, in one piece;
/// reading takes many frames at once, and leaves what is too much for one turn to the next.
///
/// Invariant: a frame with descriptors begins a segment, and a segment is written by its own
/// sendmsg, so that they travel with the frame's first byte.
///
/// Loop thread only.
class Pipe final : private Watcher {
 public:
  struct Callbacks {
    /// May close the pipe, must not destroy it. False: the frame makes no sense, and `error` (of
    /// static duration) says so.
    std::function<bool(Frame& frame, const char*& error)> on_frame;
    /// There is room again, after put() has left none.
    std::function<void()> on_room;
    /// Once: the peer is gone, or `error` says what it did wrong. The pipe may be destroyed in it.
    std::function<void(const char* error)> on_closed;
  };

  Pipe(Fd socket, PipeLimits limits, Callbacks callbacks);
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();

  /// A connected pair of such sockets.
  static Result<std::pair<Fd, Fd>> make_pair();

  bool open() const { return static_cast<bool>(socket_); }
  /// Both ends are there: what is put in may arrive.
  bool connected() const { return open() && !peer_gone_; }
  bool has_room() const { return queued_ < limits_.max_queued; }
  std::size_t queued() const { return queued_; }
  const PipeLimits& limits() const { return limits_; }

  /// Where to append the body of the next frame; end_frame() or drop_frame() must follow before
  /// anything else is done.
  Bytes& begin_frame();
  /// False, and nothing is sent, when the body is longer than the limit.
  bool end_frame(FrameKind kind, std::uint32_t sequence, std::vector<Fd> descriptors = {});
  void drop_frame();

  /// Reads what has come, `turns` turns' worth at most, without waiting for the loop to notice.
  void receive_pending(int turns);
  /// Waits until all is written: for the moment before the process exits. False when it is not in
  /// that time.
  bool flush_now(Duration patience);
  /// Stops reading and writing. No callback.
  void close();

  /// Whether the peer closed in the middle of a frame.
  bool ended_in_frame() const { return decoder_.in_frame(); }

 private:
  struct Segment {
    Bytes bytes;
    std::size_t written = 0;
    std::vector<Fd> descriptors;  // sent with its first byte
  };

  struct EndOfTurn final : brigade::detail::ReadyNode {
    explicit EndOfTurn(Pipe& of) : pipe(of) {}
    void on_ready() override { pipe.flush(); }
    Pipe& pipe;
  };
  struct Retry final : Timer {
    explicit Retry(Pipe& of) : pipe(of) {}
    void on_timer() override { pipe.flush(); }
    Pipe& pipe;
  };

  void on_event(std::uint32_t events) override;
  bool receive_once();
  void finish(const char* error);
  void flush();
  enum class Wrote { all, some, nothing_for_now, peer_is_gone };
  Wrote write_front();
  void await_room_in_socket(bool wanted);
  void peer_is_gone();
  Segment& writable_segment();

  Fd socket_;
  const PipeLimits limits_;
  Callbacks callbacks_;
  Loop& loop_;
  PipeDecoder decoder_;
  EndOfTurn end_of_turn_{*this};
  Retry retry_{*this};
  std::deque<Segment> segments_;
  Bytes spare_;  // of a segment that was written, to be used again
  std::size_t queued_ = 0;
  std::size_t frame_at_ = 0;  // where the open frame begins in the last segment
  bool awaits_room_ = false;
  bool told_full_ = false;
  bool peer_gone_ = false;
};

}  // namespace brigade::cluster::detail
