// A listening socket as the primary holds it: for whom, and how the first of them wanted it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cluster/listen_socket.hpp"

namespace brigade::cluster::detail {

struct SharedSocket {
  ListenSocket socket;
  Listen wanted;                                      // by the first who asked
  unsigned board = 0;                                 // its ListenerBoard
  std::map<std::uint64_t, std::uint32_t> users = {};  // worker id → position
  bool warned = false;                                // that a later one wanted something else
};

}  // namespace brigade::cluster::detail
