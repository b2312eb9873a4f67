#include "cluster/control_frame.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace brigade::cluster::detail {
namespace {

std::string prefix(std::uint32_t size) {
  std::string out;
  for (unsigned shift = 32; shift > 0; shift -= 8) out += static_cast<char>(size >> (shift - 8));
  return out;
}

TEST(ControlFrame, StartsWithItsLengthMostSignificantByteFirst) {
  EXPECT_EQ(encode_frame("{}"), std::string("\0\0\0\2{}", 6));
  EXPECT_EQ(encode_frame(std::string(0x123, 'x')).substr(0, 4), std::string("\0\0\1\x23", 4));
}

TEST(ControlFrame, ComesOutWhereverItWasCut) {
  const std::string bytes = encode_frame("first") + encode_frame("second");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    FrameDecoder decoder(100);
    std::vector<std::string> out;
    for (const std::string_view part :
         {std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)}) {
      decoder.feed(part);
      while (auto frame = decoder.next()) out.push_back(*frame);
    }
    EXPECT_EQ(out, (std::vector<std::string>{"first", "second"})) << cut;
    EXPECT_EQ(decoder.pending(), 0U);
  }
}

TEST(ControlFrame, MayBeAsLongAsTheLimitAndNoLonger) {
  FrameDecoder decoder(max_request);
  decoder.feed(encode_frame(std::string(max_request, 'x')));
  EXPECT_EQ(decoder.next().value_or("").size(), max_request);
  decoder.feed(prefix(max_request + 1));
  EXPECT_FALSE(decoder.next());
  EXPECT_TRUE(decoder.failed());
}

TEST(ControlFrame, OfFourGigabytesIsRefusedByItsLength) {
  FrameDecoder decoder(max_request);
  decoder.feed(prefix(0xffff'ffff));
  EXPECT_FALSE(decoder.next());
  EXPECT_TRUE(decoder.failed());
  EXPECT_EQ(decoder.pending(), 0U);
}

TEST(ControlFrame, OfNoLengthIsRefused) {
  FrameDecoder decoder(max_request);
  decoder.feed(prefix(0));
  EXPECT_FALSE(decoder.next());
  EXPECT_TRUE(decoder.failed());
}

TEST(ControlFrame, OfAnHttpClientIsRefused) {
  FrameDecoder decoder(max_request);
  decoder.feed("GET / HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(decoder.next());
  EXPECT_TRUE(decoder.failed());
}

TEST(ControlFrame, HoldsNoMoreThanCameOfIt) {
  FrameDecoder decoder(max_request);
  decoder.feed(prefix(60'000) + "abc");
  EXPECT_FALSE(decoder.next());
  EXPECT_FALSE(decoder.failed());
  EXPECT_EQ(decoder.pending(), 7U);
}

TEST(ControlFrame, DecodersSurviveGarbage) {
  std::mt19937 random(815);
  for (int round = 0; round < 5'000; ++round) {
    FrameDecoder decoder(64);
    for (int part = 0; part < 8 && !decoder.failed(); ++part) {
      std::string bytes(random() % 20, '\0');
      for (char& each : bytes) each = static_cast<char>(random() % 4 == 0 ? random() : 0);
      decoder.feed(bytes);
      while (auto frame = decoder.next()) EXPECT_LE(frame->size(), 64U);
    }
    EXPECT_LE(decoder.pending(), 4U + 64U + 20U);
  }
}

}  // namespace
}  // namespace brigade::cluster::detail
