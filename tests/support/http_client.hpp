// A small blocking HTTP/1.1 client that does exactly what a test says, and waits for nothing for
// ever.
#pragma once

#include <brigade/fd.hpp>

#include "support/patience.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace brigade::testing_support {

struct ClientError : std::runtime_error {
  enum class Kind {
    refused,     // no connection
    silent,      // the connection ended, or was reset, before the answer's first byte
    broken_off,  // … after it
    malformed,   // no HTTP
    timed_out,
  };
  ClientError(Kind of, const std::string& what) : std::runtime_error(what), kind(of) {}
  Kind kind;
};

struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;  // as sent
  std::string body;

  /// Compared without case. Empty when it is not there.
  std::string field(std::string_view name) const;
  bool closes() const { return field("Connection") == "close"; }
};

class Client {
 public:
  /// Throws `refused`. A receive buffer of a few KiB makes a client that is slow to take its
  /// answers.
  explicit Client(std::uint16_t port, int receive_buffer = 0);
  /// Of a Unix socket.
  explicit Client(const std::string& path);

  /// Throws `silent` when the peer is gone.
  void send(std::string_view bytes);
  /// As far as it goes without waiting; returns how much was sent.
  std::size_t send_some(std::string_view bytes);
  /// One answer; `to_head`: to a HEAD request, so no body follows whatever Content-Length says.
  Answer read(bool to_head = false);
  /// Waits until the peer closes; returns what came before.
  std::string read_to_end();
  /// True when the peer closed the connection, and sent nothing before that.
  bool is_closed_silently();

  Answer get(const std::string& target) { return request("GET", target); }
  Answer request(const std::string& method, const std::string& target, std::string_view body = {},
                 const std::string& more_fields = {});

  /// Says that nothing more will come (FIN).
  void half_close();
  /// Ends the connection with a reset.
  void reset();

 private:
  bool receive();  // false at the end
  std::string take_line();
  std::string take_chunked();

  Fd socket_;
  std::string buffer_;
  bool any_byte_ = false;  // of the answer that is being read
};

}  // namespace brigade::testing_support
