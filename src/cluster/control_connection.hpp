// One client of the control socket.
#pragma once

#include <brigade/loop.hpp>
#include <brigade/value.hpp>

#include <cstdint>
#include <deque>
#include <string>

#include "cluster/control_frame.hpp"

namespace brigade::cluster::detail {

class ControlServer;

/// Asks one thing at a time. Never waited for: what it does not read is kept up to a bound, and
/// then, in a stream, dropped and counted, or else the client is cut. Loop thread only.
class ControlConnection final : private Watcher, private Timer {
 public:
  ControlConnection(ControlServer& server, std::uint64_t id, Fd socket, const std::string& hello);
  ControlConnection(const ControlConnection&) = delete;
  ControlConnection& operator=(const ControlConnection&) = delete;
  ~ControlConnection();

  std::uint64_t id() const { return id_; }
  /// It waits for an answer or gets events, and so may stay as long as it likes.
  bool busy() const { return state_ != State::asks; }
  bool streams() const { return state_ == State::streams; }
  TimePoint idle_since() const { return idle_since_; }
  /// It has gone, and is about to be destroyed.
  bool closed() const { return closed_; }
  void close();

  /// To what it has asked.
  void answer(const Value& value);
  /// The same, after which nothing more is heard from it.
  void refuse(const Value& value);
  /// The answer comes later.
  void wait();
  /// From now on it gets events. After an answer.
  void begin_stream();
  /// Dropped, and counted, when there are too many that it has not read.
  void send_event(const std::string& frame);

 private:
  enum class State { asks, waits, streams };

  void on_event(std::uint32_t events) override;
  void on_timer() override;
  void receive();
  void flush();
  void listen_for(bool output);

  ControlServer& server_;
  std::uint64_t id_;
  Fd socket_;
  Loop& loop_;
  FrameDecoder decoder_{max_request};
  State state_ = State::asks;
  TimePoint idle_since_;
  std::deque<std::string> queue_;  // the first without the bytes that are sent
  std::size_t queued_ = 0;         // bytes
  std::uint64_t dropped_ = 0;
  bool closing_ = false;  // when all is sent
  bool closed_ = false;
  std::uint32_t watched_ = 0;
};

}  // namespace brigade::cluster::detail
