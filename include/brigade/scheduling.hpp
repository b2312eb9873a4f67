// How the connections to one address reach the workers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace brigade::cluster {

enum class Scheduling : std::uint8_t {
  /// One queue for all; a worker with more connections than its share leaves it to the others for a
  /// while. Even, and no worker that is stopped or busy keeps a client waiting.
  balanced,
  /// The primary accepts, and hands each connection to the worker that has waited longest. The most
  /// even; costs the primary some microseconds for each.
  round_robin,
  /// One queue for all; whom the kernel wakes takes what is there. Nothing to pay; uneven.
  shared,
  /// A queue for each worker (SO_REUSEPORT), filled by the client's address. The least contention;
  /// what has been queued for a worker that is busy waits for that one. TCP only: a Unix socket is
  /// `balanced`.
  reuse_port,
};

/// "balanced", "round_robin", "shared", "reuse_port".
std::string_view to_string(Scheduling scheduling);
std::optional<Scheduling> scheduling_from(std::string_view name);

}  // namespace brigade::cluster
