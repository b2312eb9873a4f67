// The forms of a request target (RFC 9112 3.2) but the usual one. Its characters have been checked
// by then.
#include "http/authority.hpp"
#include "http/parser.hpp"

namespace brigade::http {

namespace {

/// The length of "http://" or "https://" at the beginning of `target`, or 0.
std::size_t scheme_size(std::string_view target) {
  for (std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (equal_ignoring_case(target.substr(0, scheme.size()), scheme)) return scheme.size();
  }
  return 0;
}

}  // namespace

/// Everything but the origin form. `path` and `query` are cut at the '?' already.
bool HeadParser::other_target(Cursor& cursor, RequestHead& head) {
  const std::string_view all = head.target;
  // RFC 9112 3.2.4: asks about the server as a whole. Of an unknown method we cannot know, and it
  // gets its 501 at the end of the line.
  if (all == "*") {
    if (!known_method_ || head.method == Method::options) return true;
    return cursor.refuse(400, "'*' is for OPTIONS only");
  }
  if (head.method == Method::connect) {
    // RFC 9112 3.2.3, 9110 9.3.6: host and port, nothing else. The refusal comes later: 501.
    return is_authority(all, Port::required) || cursor.refuse(400, "malformed target");
  }
  // RFC 9112 3.2.2: a server accepts the absolute form also where no proxy is meant.
  const std::size_t scheme = scheme_size(head.path);
  if (scheme == 0) return cursor.refuse(400, "malformed target");
  const std::string_view rest = head.path.substr(scheme);
  const std::string_view host = rest.substr(0, rest.find('/'));
  // An empty host and a user name are refused by it as well (RFC 9110 4.2.1, 4.2.4).
  if (!is_authority(host)) return cursor.refuse(400, "malformed host in the target");
  head.host = host;
  absolute_ = true;
  // Without a path it is "/" (RFC 9110 4.2.3). The last slash of "//" lends its byte, so that all
  // views point into the buffer and move with it.
  head.path =
      host.size() < rest.size() ? rest.substr(host.size()) : head.path.substr(scheme - 1, 1);
  return true;
}

}  // namespace brigade::http
