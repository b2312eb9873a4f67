// host [":" port], as in Host (RFC 9110 7.2), an absolute target and CONNECT (RFC 9112 3.2).
#pragma once

#include <cstdint>
#include <string_view>

namespace brigade::http {

enum class Port : std::uint8_t { optional, required };

/// True when `text` is one host with a port up to 65535 at most. Stricter than RFC 3986 3.2 on
/// purpose: no user name, no empty host, no comma (two Host lines that a proxy has joined look like
/// one name with a comma), of IP literals only IPv6.
bool is_authority(std::string_view text, Port port = Port::optional);

}  // namespace brigade::http
