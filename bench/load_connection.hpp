// One client connection of the load generator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

struct Target {
  int port = 0;
  std::string request;       // one request's bytes
  int depth = 1;             // requests sent at once
  bool per_request = false;  // a new connection for each
};

/// Non-blocking; the generator calls ready() when the socket is. Learns the answers' length from
/// the first one and then only counts bytes, except where an answer ends a connection.
class Connection {
 public:
  enum class Event { nothing, batch_done, failed };

  Connection(const Target& target, int poller) : target_(target), poller_(poller) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(); }

  /// False when the connection is refused.
  bool connect();
  /// Sends the next batch. False when the connection is broken.
  bool send();
  Event ready();
  void close();
  bool idle() const { return waiting_for_ == 0; }
  bool connected() const { return fd_ >= 0; }
  /// After batch_done: the server announced that it closes.
  bool must_reconnect() const { return must_reconnect_; }
  std::uint64_t bad_status = 0;

  double began = 0;  // of the batch; the caller's clock

 private:
  bool take_answer();

  const Target& target_;
  int poller_;
  int fd_ = -1;
  int waiting_for_ = 0;
  bool must_reconnect_ = false;
  std::string input_;
  std::string sample_head_;  // of an answer seen before, up to its Date
  std::size_t known_size_ = 0;
};

}  // namespace bench
