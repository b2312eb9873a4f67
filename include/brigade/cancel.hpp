// Cancellation: a request with a reason, sticky, seen by a task at its next suspension point.
#pragma once

#include <brigade/compiler.hpp>

#include <cstdint>
#include <exception>

namespace brigade {

enum class CancelReason : std::uint8_t {
  none,
  client_gone,  // the peer reset its connection
  deadline,     // a time limit of the request or of its route passed
  shutdown,     // the process is stopping
  overload,     // shed to protect the rest
  user,         // TaskGroup::cancel, or the loser of a when_any
};

const char* to_string(CancelReason reason);

/// Thrown by a co_await in a cancelled task. Code may let it pass or clean up and rethrow; if it
/// swallows it, the next co_await throws again.
class Cancelled : public std::exception {
 public:
  explicit Cancelled(CancelReason reason) : reason_(reason) {}
  CancelReason reason() const { return reason_; }
  const char* what() const noexcept override;

 private:
  CancelReason reason_;
};

}  // namespace brigade
