// The head of a request, as parsed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace brigade::http {

enum class Method : std::uint8_t { get, head, post, put, delete_, connect, options, trace, patch };
inline constexpr std::size_t method_count = 9;

/// "GET", "HEAD", …
std::string_view name_of(Method method);

/// Safe methods (RFC 9110 section 9.2.1) ask for nothing to be changed: a handler whose client is
/// gone may be cancelled.
constexpr bool is_safe(Method method) {
  return method == Method::get || method == Method::head || method == Method::options ||
         method == Method::trace;
}

struct Field {
  std::string_view name;   // as sent; compare without case
  std::string_view value;  // outer whitespace removed
};

/// True when the two differ in ASCII case at most.
bool equal_ignoring_case(std::string_view a, std::string_view b);

/// One request's head. All views point into the buffer that was parsed. Keep one object per
/// connection: the field vector then allocates for the first requests only.
struct RequestHead {
  std::string_view method_name;
  std::string_view target;  // as sent
  std::string_view path;    // not decoded; begins with '/', or is "*" (with OPTIONS only)
  std::string_view query;   // not decoded, without the '?'
  std::string_view host;    // with port: an absolute target's, else Host's; empty in 1.0 without
  std::vector<Field> fields;
  std::uint64_t content_length = 0;
  Method method = Method::get;
  std::uint8_t minor_version = 1;   // 0 or 1; HTTP/1.2 to 1.9 count as 1 (RFC 9110 2.5)
  bool has_query = false;           // tells "/?" from "/"
  bool keep_alive = true;           // by version and Connection (RFC 9112 9.3)
  bool upgrade = false;             // Connection lists "upgrade"
  bool chunked = false;             // the body comes in chunks
  bool has_content_length = false;  // never together with chunked
  bool expect_continue = false;     // the client waits for 100 before it sends its body

  /// The first field of that name, compared without case, or null.
  const Field* find(std::string_view name) const;
  void clear();
};

}  // namespace brigade::http
