// Who is at the other end of a connection, and lists of addresses to trust.
#pragma once

#include <brigade/result.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace brigade::http::detail {

struct PeerAddress {
  enum class Kind : std::uint8_t { unknown, ip, unix_socket };
  Kind kind = Kind::unknown;
  std::uint16_t port = 0;                // 0: not known
  std::array<std::uint8_t, 16> bytes{};  // IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2)

  static PeerAddress of_socket(int socket);
  static PeerAddress of_ipv4(const void* four_bytes, std::uint16_t port);
  static PeerAddress of_ipv6(const void* sixteen_bytes, std::uint16_t port);
  /// "192.0.2.7" or "2001:db8::1": numbers only, and nothing around them.
  static std::optional<PeerAddress> parse(std::string_view text);
  /// The same with an optional port: "192.0.2.7:80", "[2001:db8::1]", "[2001:db8::1]:80".
  static std::optional<PeerAddress> parse_node(std::string_view text);

  bool is_ipv4() const;
  /// "192.0.2.7:51324", "[2001:db8::1]:51324", without a port where none is known. Empty for what
  /// is no IP address.
  std::string text() const;

  bool operator==(const PeerAddress&) const = default;
};

/// "10.0.0.0/8", "2001:db8::/32", "127.0.0.1", "unix" (whoever connects to a Unix socket).
class Networks {
 public:
  /// An error names the entry that makes no sense, for instance one with bits behind its prefix.
  static Result<Networks> parse(const std::vector<std::string>& list);

  bool contains(const PeerAddress& address) const;
  bool empty() const { return ranges_.empty() && !unix_; }

 private:
  struct Range {
    std::array<std::uint8_t, 16> bytes;
    unsigned bits;
  };
  std::vector<Range> ranges_;
  bool unix_ = false;
};

}  // namespace brigade::http::detail
