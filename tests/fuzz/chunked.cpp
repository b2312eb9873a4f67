// The chunked decoder: the same data, end and refusal however the bytes are cut, and never more
// data than its limit.
#include "http/chunked.hpp"
#include "fuzz.hpp"

using namespace brigade::http;
using fuzz::demand;

namespace {

constexpr ChunkedLimits limits{.body = 4096, .extensions = 64, .trailers = 256, .trailer_count = 4};

struct Decoded {
  std::string data;
  std::string end;
  std::size_t consumed = 0;
};

template <class NextSize>
Decoded decode(std::string_view input, NextSize next_size) {
  ChunkedDecoder decoder(limits);
  Decoded out;
  while (!input.empty()) {
    const std::size_t size = next_size(input.size());
    std::string_view piece = input.substr(0, size);
    input.remove_prefix(size);
    while (true) {
      const auto step = decoder.next(piece);
      if (step.kind == ChunkedDecoder::Kind::error) {
        demand(step.code >= 400 && step.code < 500, "a refusal has a status");
        out.end = std::to_string(step.code) + step.reason;
        return out;
      }
      demand(step.consumed <= piece.size(), "no more consumed than given");
      out.consumed += step.consumed;
      piece.remove_prefix(step.consumed);
      out.data += step.data;
      if (step.kind == ChunkedDecoder::Kind::complete) {
        out.end = "complete";
        return out;
      }
      if (step.kind == ChunkedDecoder::Kind::need_more) break;
    }
    demand(piece.empty(), "who needs more has taken all");
  }
  return out;
}

}  // namespace

std::vector<std::string> fuzz::seeds(const std::vector<std::string>& requests) {
  std::vector<std::string> out = {"5\r\nhello\r\n0\r\n\r\n", "0\r\nA: b\r\n\r\n",
                                  "3;a=b;c=\"d\\\"\"\r\nabc\r\n000\r\n\r\nGET"};
  for (const std::string& request : requests) {
    const std::size_t end = request.find("\r\n\r\n");
    if (request.find("hunked") == std::string::npos || end == std::string::npos) continue;
    out.push_back(request.substr(end + 4));
  }
  return out;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  const Decoded whole = decode(input, [](std::size_t left) { return left; });
  demand(whole.data.size() <= limits.body, "not more data than allowed");
  fuzz::Cuts cuts(input);
  const Decoded pieces = decode(input, [&](std::size_t left) { return cuts.next(left); });
  demand(whole.data == pieces.data, "the same data however it is cut");
  demand(whole.end == pieces.end, "the same end however it is cut");
  demand(whole.consumed == pieces.consumed || whole.end != "complete", "the same length");
  return 0;
}
