// The PROXY protocol, versions 1 and 2 (HAProxy, proxy-protocol.txt): what a load balancer puts in
// front of a connection to tell whose it is. No I/O, no allocation, strict.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/peer_address.hpp"

namespace brigade::http::detail {

struct ProxyHeader {
  PeerAddress source;  // unknown: the proxy speaks for itself (a health check), or does not know
  bool tls = false;    // the client came to the proxy by TLS (version 2 says so)
};

struct ProxyOutcome {
  enum class Status : std::uint8_t { incomplete, complete, error };
  Status status = Status::incomplete;
  std::size_t consumed = 0;  // complete: its bytes; the client's follow
  const char* reason = "";   // error: a few plain words, static
  ProxyHeader header = {};
};

/// `bytes` is all that has come so far, from the connection's first byte. The outcome depends on
/// the bytes only, not on how they are cut: an error is told as early as it is certain.
ProxyOutcome parse_proxy_header(std::string_view bytes);

}  // namespace brigade::http::detail
