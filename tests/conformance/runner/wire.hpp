// A raw client connection: sends what it is told, in the pieces it is told, and reads all the time
// unless it is told not to. Blocking, with a deadline for everything.
#pragma once

#include <brigade/fd.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runner/answers.hpp"

namespace conformance {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

enum class Segments : std::uint8_t { whole, bytes, lines };
std::string_view name_of(Segments segments);

/// How `data` is cut. More than 600 bytes are cut finely at both ends and coarsely between: what a
/// parser gets wrong, it gets wrong at the edges of things.
std::vector<std::string_view> cut(std::string_view data, Segments segments);

class Wire {
 public:
  struct Options {
    bool from_other_address = false;  // 127.0.0.2
    int receive_buffer = 0;
  };
  /// Throws std::runtime_error when it cannot connect.
  Wire(std::uint16_t port, AnswerStream expected);
  Wire(std::uint16_t port, AnswerStream expected, Options options);

  /// False when not all of it could be sent within that time, or at all.
  bool send(std::string_view data, milliseconds within = milliseconds(10000));
  void send_cut(std::string_view data, Segments segments);
  void half_close();

  /// Reads until `done()`, at most for that time. What it returned last.
  template <class Done>
  bool until(Done done, milliseconds within) {
    const auto limit = Clock::now() + within;
    while (!done()) {
      const auto left = std::chrono::ceil<milliseconds>(limit - Clock::now());
      if (left.count() <= 0 || ended_) return done();
      wait(false, left);
    }
    return true;
  }
  /// One read of at most so many bytes.
  void read_some(std::size_t most);

  bool ended() const { return ended_; }
  bool was_reset() const { return reset_; }
  /// Its FIN is sent, or sending has failed.
  bool is_done_sending() const { return done_sending_; }
  AnswerStream answers;
  bool deaf = false;  // send() does not read meanwhile

 private:
  bool wait(bool for_room, milliseconds within);
  void end(bool by_reset);

  brigade::Fd socket_;
  bool ended_ = false;
  bool reset_ = false;
  bool done_sending_ = false;
};

}  // namespace conformance
