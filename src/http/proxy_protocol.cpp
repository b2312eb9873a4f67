#include "http/proxy_protocol.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace brigade::http::detail {
namespace {

using Status = ProxyOutcome::Status;

constexpr std::string_view first_words = "PROXY ";
constexpr std::size_t longest_line = 107;  // with its CRLF, says the specification
constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t fixed_part = 16;
// Addresses and vendors' fields. Real ones take a few hundred bytes.
constexpr std::size_t longest_rest = 4096;

ProxyOutcome refuse(const char* reason) {
  return {.status = Status::error, .reason = reason};
}

/// Takes the word up to the next space, or the rest.
std::string_view next_word(std::string_view& line) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  return word;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text.front() == '0')) return {};
  unsigned port = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return {};
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (port > 65535) return {};
  return static_cast<std::uint16_t>(port);
}

ProxyOutcome parse_line(std::string_view line, std::size_t consumed) {
  const std::string_view protocol = next_word(line);
  ProxyOutcome out{.status = Status::complete, .consumed = consumed};
  if (protocol == "UNKNOWN") return out;  // whatever follows is to be ignored
  if (protocol != "TCP4" && protocol != "TCP6") return refuse("an unknown PROXY protocol");
  const auto source = PeerAddress::parse(next_word(line));
  const auto destination = PeerAddress::parse(next_word(line));
  const auto source_port = parse_port(next_word(line));
  const auto destination_port = parse_port(line);
  if (!source || !destination || !source_port || !destination_port) {
    return refuse("a malformed PROXY line");
  }
  const bool four = protocol == "TCP4";
  // TCP6 may carry a mapped IPv4 address, but TCP4 no IPv6 address.
  if (four && (!source->is_ipv4() || !destination->is_ipv4())) {
    return refuse("a PROXY line with addresses of another family");
  }
  out.header.source = *source;
  out.header.source.port = *source_port;
  return out;
}

ProxyOutcome parse_version_1(std::string_view bytes) {
  const std::string_view seen = bytes.substr(0, longest_line);
  const std::size_t end = seen.find('\r');
  // Judged byte by byte, so that where a line is cut makes no difference.
  const std::string_view text = seen.substr(0, end);
  if (std::any_of(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; })) {
    return refuse("a control character in a PROXY line");
  }
  if (end == std::string_view::npos || end + 1 == seen.size()) {
    if (seen.size() == longest_line) return refuse("a PROXY line that is too long");
    return {};
  }
  if (seen[end + 1] != '\n') return refuse("a PROXY line without CRLF");
  return parse_line(text.substr(first_words.size()), end + 2);
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

/// Type, length, value, to the end. False when they do not fit.
bool read_fields(std::string_view rest, ProxyHeader& header) {
  constexpr std::uint8_t type_ssl = 0x20;
  constexpr std::size_t ssl_size = 5;  // and fields of its own
  while (!rest.empty()) {
    if (rest.size() < 3) return false;
    const std::size_t size = number_at(rest, 1);
    if (rest.size() - 3 < size) return false;
    if (byte_at(rest, 0) == type_ssl) {
      if (size < ssl_size) return false;
      header.tls = (byte_at(rest, 3) & 1) != 0;
    }
    rest.remove_prefix(3 + size);
  }
  return true;
}

ProxyOutcome parse_version_2(std::string_view bytes) {
  enum Family : std::uint8_t { unspecified = 0x00, tcp4 = 0x11, tcp6 = 0x21, unix_stream = 0x31 };
  if (bytes.size() > 12 && byte_at(bytes, 12) >> 4 != 2) return refuse("an unknown PROXY version");
  if (bytes.size() > 12 && (byte_at(bytes, 12) & 15) > 1) return refuse("an unknown PROXY command");
  if (bytes.size() < fixed_part) return {};
  const bool local = (byte_at(bytes, 12) & 15) == 0;
  const std::uint8_t family = byte_at(bytes, 13);
  const std::size_t size = number_at(bytes, 14);
  if (size > longest_rest) return refuse("a PROXY header that is too long");
  if (bytes.size() - fixed_part < size) return {};
  const std::string_view rest = bytes.substr(fixed_part, size);
  ProxyOutcome out{.status = Status::complete, .consumed = fixed_part + size};
  if (local) return out;  // the proxy's own connection: what it says about addresses is ignored

  std::size_t addresses = 0;
  switch (family) {
    case unspecified:
      return out;
    case tcp4:
      addresses = 12;
      break;
    case tcp6:
      addresses = 36;
      break;
    case unix_stream:
      addresses = 216;
      break;
    default:
      return refuse("a PROXY header for something else than a stream");
  }
  if (size < addresses) return refuse("a PROXY header with too few addresses");
  if (family == tcp4) out.header.source = PeerAddress::of_ipv4(rest.data(), number_at(rest, 8));
  if (family == tcp6) out.header.source = PeerAddress::of_ipv6(rest.data(), number_at(rest, 32));
  if (family == unix_stream) out.header.source.kind = PeerAddress::Kind::unix_socket;
  if (!read_fields(rest.substr(addresses), out.header)) {
    return refuse("a PROXY header with malformed fields");
  }
  return out;
}

bool is_prefix(std::string_view bytes, std::string_view of) {
  const std::size_t size = std::min(bytes.size(), of.size());
  return bytes.substr(0, size) == of.substr(0, size);
}

}  // namespace

ProxyOutcome parse_proxy_header(std::string_view bytes) {
  if (is_prefix(bytes, first_words)) {
    return bytes.size() < first_words.size() ? ProxyOutcome{} : parse_version_1(bytes);
  }
  if (is_prefix(bytes, signature)) {
    return bytes.size() < signature.size() ? ProxyOutcome{} : parse_version_2(bytes);
  }
  return refuse("no PROXY header");
}

}  // namespace brigade::http::detail
