#include "http/authority.hpp"

#include <arpa/inet.h>

#include <array>

#include "http/chars.hpp"

namespace brigade::http {

namespace {

/// `p` behind the brackets, or null.
const char* skip_ipv6(const char* p, const char* end) {
  std::array<char, INET6_ADDRSTRLEN> text{};  // inet_pton wants a terminated string
  const char* const first = ++p;
  while (p != end && (chars::is(chars::hex, *p) || *p == ':' || *p == '.')) ++p;
  const auto size = static_cast<std::size_t>(p - first);
  if (p == end || *p != ']' || size >= text.size()) return nullptr;
  std::memcpy(text.data(), first, size);
  in6_addr address{};
  return ::inet_pton(AF_INET6, text.data(), &address) == 1 ? p + 1 : nullptr;
}

/// `p` behind the name, or null for a broken percent escape.
const char* skip_reg_name(const char* p, const char* end) {
  p = chars::skip_plain_word(p, end);
  for (;;) {
    p = chars::skip(chars::reg_name, p, end);
    if (p == end || *p != '%') return p;
    if (end - p < 3 || !chars::is(chars::hex, p[1]) || !chars::is(chars::hex, p[2])) return nullptr;
    p += 3;
  }
}

bool is_port(const char* p, const char* end, Port port) {
  if (p == end) return port == Port::optional;  // RFC 3986 3.2.3: port = *DIGIT
  if (end - p > 5) return false;
  unsigned number = 0;
  for (; p != end; ++p) {
    if (!chars::is(chars::digit, *p)) return false;
    number = number * 10 + static_cast<unsigned>(*p - '0');
  }
  return number <= 65535;
}

}  // namespace

bool is_authority(std::string_view text, Port port) {
  const char* const first = text.data();
  const char* const end = first + text.size();
  if (first == end) return false;
  const char* p = *first == '[' ? skip_ipv6(first, end) : skip_reg_name(first, end);
  if (!p || p == first) return false;
  if (p == end) return port == Port::optional;
  return *p == ':' && is_port(p + 1, end, port);
}

}  // namespace brigade::http
