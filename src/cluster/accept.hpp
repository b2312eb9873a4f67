// Taking one connection from a listening socket, and what to do when that cannot be.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/time.hpp>

namespace brigade::cluster::detail {

class Accept {
 public:
  enum class Outcome { one, none, out_of_resources };

  /// After out_of_resources: the connection stays in the queue and the socket stays readable, so
  /// without a pause this would spin.
  static constexpr Duration pause_for = std::chrono::milliseconds(100);

  Accept();
  /// Non-blocking, CLOEXEC. When there are no descriptors or no memory, one client is turned away
  /// by way of a reserve, instead of leaving all to hang.
  Outcome one(int socket, Fd& connection);
  /// A log line, at most one a second. `who` as in "this worker".
  void complain(const char* who,
                const char* why = "it is out of file descriptors or memory (ulimit -n)");

 private:
  Fd reserve_;
  TimePoint next_complaint_{};
};

}  // namespace brigade::cluster::detail
