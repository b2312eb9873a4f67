#include "http/peer_address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace brigade::http::detail {
namespace {

constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/// Digits without a zero in front, up to `limit`.
std::optional<unsigned> parse_number(std::string_view text, unsigned limit) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text.front() == '0')) return {};
  unsigned number = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return {};
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  if (number > limit) return {};
  return number;
}

bool agree(const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b,
           unsigned bits) {
  const std::size_t whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) {
    return false;
  }
  const unsigned rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool any_bit_behind(std::array<std::uint8_t, 16> bytes, unsigned bits) {
  for (unsigned bit = bits; bit < 128; ++bit) {
    if ((bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return true;
  }
  return false;
}

}  // namespace

PeerAddress PeerAddress::of_ipv4(const void* four_bytes, std::uint16_t port) {
  PeerAddress out{.kind = Kind::ip, .port = port};
  std::copy(mapped.begin(), mapped.end(), out.bytes.begin());
  std::memcpy(out.bytes.data() + mapped.size(), four_bytes, 4);
  return out;
}

PeerAddress PeerAddress::of_ipv6(const void* sixteen_bytes, std::uint16_t port) {
  PeerAddress out{.kind = Kind::ip, .port = port};
  std::memcpy(out.bytes.data(), sixteen_bytes, 16);
  return out;
}

PeerAddress PeerAddress::of_socket(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  if (peer.ss_family == AF_UNIX) return {.kind = Kind::unix_socket};
  if (peer.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &peer, sizeof v6);
    return of_ipv6(&v6.sin6_addr, ntohs(v6.sin6_port));
  }
  if (peer.ss_family != AF_INET) return {};
  sockaddr_in v4{};
  std::memcpy(&v4, &peer, sizeof v4);
  return of_ipv4(&v4.sin_addr, ntohs(v4.sin_port));
}

std::optional<PeerAddress> PeerAddress::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.empty() || text.size() >= copy.size()) return {};
  // A NUL inside would end the text early for inet_pton.
  if (text.find('\0') != std::string_view::npos) return {};
  text.copy(copy.data(), text.size());
  std::array<std::uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET, copy.data(), bytes.data()) == 1) return of_ipv4(bytes.data(), 0);
  if (::inet_pton(AF_INET6, copy.data(), bytes.data()) == 1) return of_ipv6(bytes.data(), 0);
  return {};
}

std::optional<PeerAddress> PeerAddress::parse_node(std::string_view text) {
  std::string_view port;
  bool has_port = false;
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return {};
    port = text.substr(end + 1);
    text = text.substr(1, end - 1);
    has_port = !port.empty();
    if (has_port && port.front() != ':') return {};
    if (has_port) port.remove_prefix(1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    const std::size_t colon = text.find(':');
    port = text.substr(colon + 1);
    text = text.substr(0, colon);
    has_port = true;
  }
  auto out = parse(text);
  if (!out || (bracketed && text.find(':') == std::string_view::npos)) return {};
  if (!has_port) return out;
  const auto number = parse_number(port, 65535);
  if (!number) return {};
  out->port = static_cast<std::uint16_t>(*number);
  return out;
}

bool PeerAddress::is_ipv4() const {
  return kind == Kind::ip && std::equal(mapped.begin(), mapped.end(), bytes.begin());
}

std::string PeerAddress::text() const {
  if (kind != Kind::ip) return {};
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (is_ipv4()) {
    ::inet_ntop(AF_INET, bytes.data() + mapped.size(), out.data(), out.size());
    return port == 0 ? out.data() : fmt::format("{}:{}", out.data(), port);
  }
  ::inet_ntop(AF_INET6, bytes.data(), out.data(), out.size());
  return port == 0 ? out.data() : fmt::format("[{}]:{}", out.data(), port);
}

Result<Networks> Networks::parse(const std::vector<std::string>& list) {
  Networks out;
  for (const std::string& entry : list) {
    if (entry == "unix") {
      out.unix_ = true;
      continue;
    }
    const std::string_view text(entry);
    const std::size_t slash = text.find('/');
    const auto address = PeerAddress::parse(text.substr(0, slash));
    if (!address) {
      return Error(
          fmt::format("\"{}\" is no address to trust: expected 10.0.0.0/8, ::1 or unix", entry));
    }
    const unsigned width = address->is_ipv4() ? 32 : 128;
    const auto bits = slash == std::string_view::npos ? std::optional<unsigned>(width)
                                                      : parse_number(text.substr(slash + 1), width);
    if (!bits) {
      return Error(fmt::format("\"{}\" has no prefix length from 0 to {}", entry, width));
    }
    const Range range{address->bytes, *bits + (128 - width)};
    if (any_bit_behind(range.bytes, range.bits)) {
      return Error(fmt::format("\"{}\" has bits behind its prefix: is it too short?", entry));
    }
    out.ranges_.push_back(range);
  }
  return out;
}

bool Networks::contains(const PeerAddress& address) const {
  if (address.kind == PeerAddress::Kind::unix_socket) return unix_;
  if (address.kind != PeerAddress::Kind::ip) return false;
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
    return agree(range.bytes, address.bytes, range.bits);
  });
}

}  // namespace brigade::http::detail
