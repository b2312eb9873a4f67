// How a worker that lost its primary offers itself to the next one.
//
// Every worker holds both ends of one SOCK_SEQPACKET pair, made by the first primary, and so does
// every primary: what a worker sends waits there until a primary reads it, whoever that will be and
// whenever. It has no name, so nobody else can reach it.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "cluster/message.hpp"

namespace brigade::cluster::detail {

/// A worker, and what it has that its primary must have as well.
struct Hello {
  struct Socket {
    Listen wanted;
    std::string address;
    std::uint32_t board = 0;
    Fd fd;
  };
  struct Buffer {
    Share wanted;
    Fd fd;
  };

  std::uint64_t id = 0;
  std::uint32_t number = 0;
  std::uint32_t slot = 0;
  bool goodbye = false;                // it leaves of its own will
  std::vector<std::string> listening;  // addresses it serves on, in their order
  Fd channel;                          // the primary's end of a fresh one
  Fd life;                             // closed when the primary dies: see orphan_guard.hpp
  std::vector<Socket> sockets;
  std::vector<Buffer> buffers;

  /// Without the descriptors.
  std::string encode() const;
  static std::optional<Hello> decode(std::string_view text);
};

/// The most descriptors that the kernel lets travel with one packet, less the two of each hello.
inline constexpr std::size_t most_belongings = 250;

/// EAGAIN, ENOBUFS or ETOOMANYREFS: later. Buffers beyond most_belongings are left out.
Result<void> send_hello(const Fd& rejoin, const Hello& hello);

struct ReceivedHello {
  Hello hello;
  pid_t pid = -1;  // who made the channel, says the kernel
};
/// Nothing when none waits. One that makes no sense is dropped.
std::optional<ReceivedHello> receive_hello(const Fd& rejoin);

}  // namespace brigade::cluster::detail
