// JSON (RFC 8259) as the control socket speaks it: small, strict, and without a library, so that a
// primary pays for none.
#pragma once

#include <brigade/value.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace brigade::cluster::detail {

/// Arrays and objects inside each other.
inline constexpr std::size_t max_json_depth = 16;

/// One document, and nothing after it. Refused: names that come twice, ill-formed UTF-8, lone
/// surrogates, integers beyond 64 bits and numbers beyond a double's, deeper than max_json_depth.
/// The Error says where.
Result<Value> parse_json(std::string_view text);

/// On one line. A string's ill-formed UTF-8 becomes U+FFFD; what JSON does not know becomes null.
std::string to_json(const Value& value);

}  // namespace brigade::cluster::detail
