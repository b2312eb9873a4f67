// The forms of a request target (RFC 9112 3.2). Its characters have been checked by then.
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

bool HeadParser::split_target(Cursor& cursor, RequestHead& head) {
  const std::string_view all = cursor.since(token_);
  head.target = all;
  if (all.empty()) return cursor.refuse(400, "empty target");
  std::string_view path = all;
  if (query_ != 0) {
    path = all.substr(0, query_ - token_);
    head.query = all.substr(path.size() + 1);
    head.has_query = true;
  }
  if (all.front() == '/' && (!known_method_ || head.method != Method::connect)) {
    head.path = path;
    return true;
  }
  if (all == "*") {
    // RFC 9112 3.2.4: asks about the server as a whole.
    if (!known_method_ || head.method == Method::options) {
      head.path = all;
      return true;
    }
    return cursor.refuse(400, "'*' is for OPTIONS only");
  }
  if (known_method_ && head.method == Method::connect) {
    // RFC 9112 3.2.3, 9110 9.3.6: host and port, nothing else. We are no proxy: 501 comes later.
    if (!is_authority(all, Port::required)) return cursor.refuse(400, "malformed target");
    return true;
  }
  // RFC 9112 3.2.2: a server accepts the absolute form also where no proxy is meant.
  const std::size_t scheme = scheme_size(path);
  if (scheme == 0) return cursor.refuse(400, "malformed target");
  const std::string_view rest = path.substr(scheme);
  const std::string_view host = rest.substr(0, rest.find('/'));
  // An empty host and a user name are refused by it as well (RFC 9110 4.2.1, 4.2.4).
  if (!is_authority(host)) return cursor.refuse(400, "malformed host in the target");
  head.host = host;
  absolute_ = true;
  // Without a path it is "/" (RFC 9110 4.2.3). The last slash of "//" lends its byte, so that all
  // views point into the buffer and move with it.
  head.path = host.size() < rest.size() ? rest.substr(host.size()) : path.substr(scheme - 1, 1);
  return true;
}

}  // namespace brigade::http
