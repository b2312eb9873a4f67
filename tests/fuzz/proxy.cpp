// The PROXY protocol: an outcome that more bytes do not change, and a header no longer than its
// input.
#include "fuzz.hpp"
#include "http/proxy_protocol.hpp"

using namespace brigade::http::detail;
using fuzz::demand;

std::vector<std::string> fuzz::seeds(const std::vector<std::string>& requests) {
  const std::string v2("\r\n\r\n\0\r\nQUIT\n", 12);
  const std::string tcp4("\xc0\x00\x02\x07\x0a\x00\x00\x01\xc8\x7c\x00\x50", 12);
  const std::string ssl("\x20\0\x05\x01\0\0\0\0", 8);
  std::vector<std::string> out = {
      "PROXY TCP4 192.0.2.7 10.0.0.1 51324 80\r\nGET",
      "PROXY TCP6 2001:db8::7 ::1 51324 80\r\n",
      "PROXY UNKNOWN x\r\n",
      v2 + std::string("\x20\0\0\0", 4),
      v2 + std::string("\x21\x11\0\x0c", 4) + tcp4 + "GET",
      v2 + std::string("\x21\x11\0\x14", 4) + tcp4 + ssl,
      v2 + std::string("\x21\x21\0\x24", 4) + std::string(36, 'x'),
      v2 + std::string("\x21\x31\0\xd8", 4) + std::string(216, 'x'),
  };
  for (const std::string& request : requests) {
    if (request.starts_with("PROXY")) out.push_back(request);
  }
  return out;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  const ProxyOutcome whole = parse_proxy_header(input);
  using Status = ProxyOutcome::Status;
  if (whole.status == Status::complete) {
    demand(whole.consumed > 0 && whole.consumed <= size, "a header is part of its input");
    demand(parse_proxy_header(input.substr(0, whole.consumed - 1)).status == Status::incomplete,
           "not complete before its end");
    if (whole.header.source.kind == PeerAddress::Kind::ip) {
      const auto again = PeerAddress::parse_node(whole.header.source.text());
      demand(again && *again == whole.header.source, "an address reads as it was written");
    }
  }
  fuzz::Cuts cuts(input);
  for (std::size_t arrived = 0; arrived < size;) {
    arrived += cuts.next(size - arrived);
    const ProxyOutcome part = parse_proxy_header(input.substr(0, arrived));
    if (part.status == Status::incomplete) continue;
    demand(part.status == whole.status && part.consumed == whole.consumed &&
               part.header.source == whole.header.source,
           "what is certain stays");
  }
  return 0;
}
