// Proxies in front of a server, and what they may tell about a request.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace brigade::http {

enum class ForwardedFields : std::uint8_t {
  x_forwarded,  // X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host
  forwarded     // Forwarded (RFC 7239)
};

/// Which fields count, and from whom. Without addresses none do.
struct TrustedProxies {
  /// "10.0.0.0/8", "::1", "unix" (whoever connects to a Unix socket).
  std::vector<std::string> addresses = {};
  /// The ones that your proxies write. The others are ignored: what a proxy does not write, it
  /// passes through from the client.
  ForwardedFields fields = ForwardedFields::x_forwarded;
  /// request.host() is what the proxy says. Only for proxies that always set or remove
  /// X-Forwarded-Host (or host=): with others a client chooses it.
  bool host = false;
};

/// For one listening socket.
struct ListenOptions {
  /// Every connection begins with a PROXY protocol header, version 1 or 2, as a load balancer that
  /// passes bytes on writes it; request.remote_address() is what that says. A connection without
  /// one, or with a malformed one, is closed.
  bool proxy_protocol = false;
  /// Who may connect then: anybody else could claim to be anybody. As TrustedProxies::addresses.
  std::vector<std::string> proxies = {};
};

}  // namespace brigade::http
