// What proxies in front tell about a request: X-Forwarded-* or Forwarded (RFC 7239).
//
// Anybody can send these fields, so they count only as far as trusted proxies have written them:
// from the right, one entry for each trusted hop, until an address that is not one of theirs. Only
// one of the two families is looked at, since a proxy that writes one passes the other through as
// the client made it.
#pragma once

#include <brigade/http/head.hpp>
#include <brigade/http/trusted_proxies.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "http/peer_address.hpp"

namespace brigade::http::detail {

/// The request as the outermost trusted proxy got it.
struct Origin {
  PeerAddress client;
  bool https = false;
  std::optional<std::string> host;  // only when it is to be trusted, and valid
};

/// TrustedProxies, checked once.
class Forwarding {
 public:
  Forwarding() = default;
  /// Throws std::invalid_argument for an address that makes no sense.
  explicit Forwarding(const TrustedProxies& settings);

  bool active() const { return !proxies_.empty(); }
  /// `peer` is who speaks to us: the socket's peer, or what a PROXY header says.
  Origin resolve(const RequestHead& head, const PeerAddress& peer) const;

 private:
  Origin from_x_forwarded(const RequestHead& head, Origin origin) const;
  Origin from_forwarded(const RequestHead& head, Origin origin) const;
  void take(Origin& origin, std::string_view proto, std::string_view host) const;

  Networks proxies_;
  ForwardedFields fields_ = ForwardedFields::x_forwarded;
  bool trust_host_ = false;
};

}  // namespace brigade::http::detail
