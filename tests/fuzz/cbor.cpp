// Messages between processes: whatever is decoded is encoded again and decoded to the same, and a
// stream in pieces gives what the whole gives.
#include <brigade/cbor.hpp>

#include "fuzz.hpp"

using namespace brigade;
using fuzz::demand;

namespace {

constexpr std::uint8_t examples[][12] = {{0x00},
                                         {0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                         {0x63, 'a', 'b', 'c'},
                                         {0x83, 1, 2, 3},
                                         {0xa1, 0x61, 'a', 0x82, 0xf5, 0xf6},
                                         {0xfb, 0x3f, 0xf1, 0x99, 0x99},
                                         {0x9f, 1, 0x7f, 0x61, 'x', 0xff, 0xff},
                                         {0xc1, 0x1a, 0, 0, 0, 1},
                                         {0xf9, 0x7e, 0x00},
                                         {0x5f, 0x41, 1, 0x42, 2, 3, 0xff}};

}  // namespace

std::vector<std::string> fuzz::seeds(const std::vector<std::string>&) {
  std::vector<std::string> out;
  for (const auto& example : examples) {
    for (std::size_t size = 1; size <= sizeof example; ++size) {
      out.emplace_back(reinterpret_cast<const char*>(example), size);
    }
  }
  return out;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> input(reinterpret_cast<const std::byte*>(data), size);
  auto whole = cbor::decode(input);

  cbor::Decoder decoder;
  fuzz::Cuts cuts(fuzz::text_of(data, size));
  bool failed = false;
  std::size_t at = 0;
  while (at < size && !decoder.done() && !failed) {
    const std::size_t piece = cuts.next(size - at);
    auto taken = decoder.feed(input.subspan(at, piece));
    failed = !taken.ok();
    if (!failed) at += taken.value();
  }
  if (whole.ok()) {
    demand(decoder.done() && at == size, "in pieces as in one");
    auto first = cbor::encode(std::move(*whole));
    demand(first.ok(), "what was decoded can be encoded");
    auto again = cbor::decode(first->bytes);
    demand(again.ok(), "what was encoded can be decoded");
    auto second = cbor::encode(std::move(*again));
    demand(second.ok() && second->bytes == first->bytes, "the same bytes for the same value");
    auto streamed = cbor::encode(decoder.take());
    demand(streamed.ok() && streamed->bytes == first->bytes, "the same value in pieces");
  } else {
    demand(failed || !decoder.done() || at < size, "refused in pieces, too");
  }
  return 0;
}
