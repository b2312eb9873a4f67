// Forwarded and X-Forwarded-*: whatever a proxy passes on, what comes out is well-formed.
#include "http/forwarded.hpp"
#include "fuzz.hpp"
#include "http/authority.hpp"

using namespace brigade::http;
using namespace brigade::http::detail;
using fuzz::demand;

std::vector<std::string> fuzz::seeds(const std::vector<std::string>& requests) {
  std::vector<std::string> out = {
      "192.0.2.7, 10.0.0.3",
      "[2001:db8::7]:80 , ::1",
      "https, http",
      "app.example:80",
      "for=192.0.2.7;proto=https;host=app.example;by=_x, for=\"[::1]:8\"",
      "for=\"a\\\"b\"; host=\"x:1\""};
  for (const std::string& request : requests) {
    const std::size_t at = request.find("orwarded");
    if (at != std::string::npos) out.push_back(request.substr(at, request.find('\r', at) - at));
  }
  return out;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  const std::size_t half = size / 2;
  RequestHead head;
  head.fields = {{"Forwarded", input},
                 {"X-Forwarded-For", input.substr(0, half)},
                 {"X-Forwarded-For", input.substr(half)},
                 {"X-Forwarded-Proto", input.substr(half)},
                 {"X-Forwarded-Host", input}};
  const PeerAddress proxy = *PeerAddress::parse_node("10.0.0.1:5");
  const PeerAddress stranger = *PeerAddress::parse_node("192.0.2.1:5");
  for (const auto fields : {ForwardedFields::forwarded, ForwardedFields::x_forwarded}) {
    const Forwarding forwarding({{"10.0.0.0/8", "::1"}, fields, true});
    const Origin origin = forwarding.resolve(head, proxy);
    demand(origin.client.kind == PeerAddress::Kind::ip, "a client has an address");
    demand(!origin.host || is_authority(*origin.host), "a host that is one");
    const Origin claimed = forwarding.resolve(head, stranger);
    demand(claimed.client == stranger && !claimed.https && !claimed.host, "strangers tell nothing");
  }
  return 0;
}
