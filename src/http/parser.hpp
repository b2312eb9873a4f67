// The HTTP/1.1 request parser: no I/O, no allocation on the way, strict (RFC 9110, RFC 9112).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace brigade::http {

enum class Method : std::uint8_t { get, head, post, put, delete_, connect, options, trace, patch };
inline constexpr std::size_t method_count = 9;

struct Field {
  std::string_view name;   // as sent; compare without case
  std::string_view value;  // outer whitespace removed
};

}  // namespace brigade::http
