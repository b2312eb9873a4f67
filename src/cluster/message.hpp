// What primary and workers say to each other, and its bytes.
//
// A frame is one packet of a SOCK_SEQPACKET socket: a fixed header, then the body. The kernel keeps
// packets whole, so no length is ever believed: it must equal the packet's. Frames are at most
// max_frame bytes. Descriptors travel beside the frame they belong to.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>
#include <brigade/scheduling.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace brigade::cluster::detail {

inline constexpr std::size_t max_frame = 8192;

enum class MessageType : std::uint8_t {
  // worker → primary
  online = 1,            // the program runs
  listen = 2,            // Listen: wants a listening socket
  listening = 3,         // Address: serves on it
  failed = 4,            // text: cannot start, and why
  goodbye = 5,           // leaves of its own will
  share = 6,             // Share: wants a shared buffer or ring
  unlisten = 7,          // Unlisten: accepts there no more
  connection_reply = 8,  // PassedReply, to a connection
  stood_in = 9,          // StandIn: has closed what it stood in for
  introduce = 10,        // Introduce: wants a pipe to a sibling
  pass_reply = 11,       // PassedReply, to pass_on
  busy = 12,             // its loop wakes, after the primary had stopped to look after it
  // either way
  pass_part = 32,  // bytes of the connection that pass_on brings
  pass_on = 33,    // PassOn: a live connection, for another worker
  // primary → worker
  listen_reply = 64,     // ListenReply, with the socket
  drain = 65,            // Drain
  share_reply = 66,      // ShareReply, with the memory
  connection = 67,       // Passed, with the connection
  stand_in = 68,         // StandIn, with the socket of a position that nobody serves
  stand_down = 69,       // StandIn: no longer
  log_level = 70,        // its name: write no lower one from now on
  introduce_reply = 71,  // IntroduceReply, with an end of the pipe
  introduced = 72,       // Introduced, with the other end
  welcome = 73,          // from a new primary: it has taken over
};

struct Message {
  MessageType type;
  std::uint32_t sequence = 0;  // a reply carries its request's
  std::string body;
  Fd fd;
};

std::string encode(const Message& message);
/// Nothing when the frame is not one of ours.
std::optional<Message> decode(std::string_view frame);

// Bodies.

enum class ListenKind : std::uint8_t { tcp, unix_stream, udp };

struct Listen {
  std::string host = {};  // empty: every address; of a Unix socket: its absolute path
  std::uint16_t port = 0;
  std::uint32_t ordinal = 0;  // port 0 only: the n-th such call of this worker
  std::int32_t backlog = 0;
  ListenKind kind = ListenKind::tcp;
  std::uint32_t mode = 0;  // of a Unix socket's file; 0: as umask leaves it
  bool ipv6_only = false;
  bool exclusive = false;  // a socket for this position alone
  bool has_board = true;   // it reads the primary's scoreboard

  std::string encode() const;
  static std::optional<Listen> decode(std::string_view body);
  /// What two workers must agree in to share a socket. What is not in it (backlog, mode, IPv6
  /// alone) is as the first of them wanted it.
  std::string key() const;
};

inline constexpr std::uint32_t no_board = ~std::uint32_t{0};

struct ListenReply {
  std::int32_t error = 0;   // errno; the text says what to do
  std::string text = {};    // of the error, else the address: "0.0.0.0:3000"
  std::uint32_t board = 0;  // the socket's ListenerBoard, or no_board
  Scheduling scheduling = Scheduling::balanced;

  std::string encode() const;
  static std::optional<ListenReply> decode(std::string_view body);
};

struct Unlisten {
  std::string key;
  bool for_good = false;  // the program closed it; otherwise this worker drains

  std::string encode() const;
  static std::optional<Unlisten> decode(std::string_view body);
};

struct Passed {
  std::uint32_t board = 0;  // of the socket that it came to

  std::string encode() const;
  static std::optional<Passed> decode(std::string_view body);
};

struct PassedReply {
  std::uint32_t board = 0;
  bool taken = false;

  std::string encode() const;
  static std::optional<PassedReply> decode(std::string_view body);
};

struct PassOn {
  std::string server;          // the key of its first socket
  std::uint64_t key = 0;       // the hash of what the client is known by
  std::uint32_t position = 0;  // whose it should be

  std::string encode() const;
  static std::optional<PassOn> decode(std::string_view body);
};

struct StandIn {
  std::uint32_t board = 0;
  std::uint32_t position = 0;

  std::string encode() const;
  static std::optional<StandIn> decode(std::string_view body);
};

struct Drain {
  std::uint32_t quiet_ms = 0;     // an idle connection may still send a request for so long
  std::uint32_t deadline_ms = 0;  // then whatever is left is cut

  std::string encode() const;
  static std::optional<Drain> decode(std::string_view body);
};

struct Share {
  std::string name;
  std::uint64_t size = 0;      // bytes
  std::uint64_t max_size = 0;  // bytes; 0: it does not grow
  // Of a ring of `size` bytes. 0: it is a buffer, and these are not sent.
  std::uint32_t producers = 0;
  std::uint32_t checksum = 0;

  std::string encode() const;
  static std::optional<Share> decode(std::string_view body);
};

struct ShareReply {
  std::int32_t error = 0;  // errno; the text says what to do
  std::string text;

  std::string encode() const;
  static std::optional<ShareReply> decode(std::string_view body);
};

struct Introduce {
  std::uint64_t id = 0;  // of the sibling; 0: it is meant by its number
  std::uint32_t number = 0;

  std::string encode() const;
  static std::optional<Introduce> decode(std::string_view body);
};

struct IntroduceReply {
  std::int32_t error = 0;  // errno; the text says what to do
  std::string text = {};
  std::uint64_t id = 0;  // of the sibling
  std::uint32_t number = 0;

  std::string encode() const;
  static std::optional<IntroduceReply> decode(std::string_view body);
};

struct Introduced {
  std::uint64_t id = 0;  // of the sibling that asked
  std::uint32_t number = 0;

  std::string encode() const;
  static std::optional<Introduced> decode(std::string_view body);
};

}  // namespace brigade::cluster::detail
