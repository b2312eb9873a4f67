// Sticky sessions: the connections of one client go to one worker.
//
//     server.sticky(http::by_cookie("session"));
//
// A request that belongs to another worker takes its connection there, with all that was read of
// it; that worker answers it, and the connection's later requests. Nothing is proxied. Of the
// workers that serve, each finds the same one for a key, and when one goes only its keys move.
#pragma once

#include <functional>
#include <string>

namespace brigade::http {

class Request;

/// What a client is known by, from a request's head: its body is not there yet. Empty: the
/// connection stays where it is.
using StickyKey = std::function<std::string(const Request&)>;

/// The value of a cookie; nothing where there is none.
StickyKey by_cookie(std::string name);
/// The client's IP address, without its port.
StickyKey by_client_address();

}  // namespace brigade::http
