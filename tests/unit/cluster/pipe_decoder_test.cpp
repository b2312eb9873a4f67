#include "cluster/pipe_decoder.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace brigade::cluster::detail {
namespace {

using Buffer = std::vector<std::byte>;

constexpr std::size_t limit = 1000;

std::size_t open_descriptors() {
  std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

Buffer frame(std::uint32_t sequence, std::string_view body = {}, std::uint8_t descriptors = 0) {
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(FrameKind::message);
  header.sequence = sequence;
  header.size = static_cast<std::uint32_t>(body.size());
  header.descriptors = descriptors;
  Buffer out(sizeof header + body.size());
  std::memcpy(out.data(), &header, sizeof header);
  if (!body.empty()) std::memcpy(out.data() + sizeof header, body.data(), body.size());
  return out;
}

Buffer joined(std::initializer_list<Buffer> parts) {
  Buffer out;
  for (const Buffer& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

std::vector<Fd> descriptors(int count) {
  std::vector<Fd> out;
  for (int i = 0; i < count; ++i) out.emplace_back(::eventfd(0, EFD_CLOEXEC));
  return out;
}

class PipeDecoderTest : public testing::Test {
 protected:
  struct Seen {
    std::uint32_t sequence;
    std::string body;
    std::size_t descriptors;
    bool lost;
    bool operator==(const Seen&) const = default;
  };
  void feed(std::span<const std::byte> piece) {
    Frame out;
    while (decoder.next(piece, out)) {
      seen.push_back({out.sequence,
                      std::string(reinterpret_cast<const char*>(out.body.data()), out.body.size()),
                      out.descriptors.size(), out.descriptors_lost});
    }
  }
  std::string error() const { return decoder.error() ? decoder.error() : ""; }

  PipeDecoder decoder{limit};
  std::vector<Seen> seen;
};

TEST_F(PipeDecoderTest, TakesManyFramesFromOnePiece) {
  feed(joined({frame(1, "one"), frame(2), frame(3, "three")}));
  EXPECT_EQ(seen,
            (std::vector<Seen>{{1, "one", 0, false}, {2, "", 0, false}, {3, "three", 0, false}}));
  EXPECT_EQ(error(), "");
}

TEST_F(PipeDecoderTest, PutsFramesTogetherThatComeByteByByte) {
  const Buffer all = joined({frame(1, "one"), frame(2), frame(3, "three")});
  for (const std::byte& byte : all) feed(std::span(&byte, 1));
  EXPECT_EQ(seen,
            (std::vector<Seen>{{1, "one", 0, false}, {2, "", 0, false}, {3, "three", 0, false}}));
  EXPECT_FALSE(decoder.in_frame());
}

TEST_F(PipeDecoderTest, KnowsThatAFrameHasBegun) {
  const Buffer whole = frame(1, "body");
  feed(std::span(whole).first(sizeof(FrameHeader) + 1));
  EXPECT_TRUE(decoder.in_frame());
}

TEST_F(PipeDecoderTest, AllocatesNothingForALengthThatIsOnlyClaimed) {
  PipeDecoder generous(std::size_t{1} << 31);
  Buffer claims = frame(1);
  FrameHeader header;
  std::memcpy(&header, claims.data(), sizeof header);
  header.size = 0x7fffffff;
  std::memcpy(claims.data(), &header, sizeof header);
  std::span<const std::byte> piece(claims);
  Frame out;
  EXPECT_FALSE(generous.next(piece, out));
  EXPECT_EQ(generous.error(), nullptr);
  EXPECT_LT(generous.held(), 1024U);
}

TEST_F(PipeDecoderTest, GivesBackTheMemoryOfALargeFrame) {
  PipeDecoder generous(std::size_t{1} << 20);
  const Buffer large = frame(1, std::string(500'000, 'x'));
  Frame out;
  std::span<const std::byte> first = std::span(large).first(100),
                             rest = std::span(large).subspan(100);
  EXPECT_FALSE(generous.next(first, out));
  EXPECT_TRUE(generous.next(rest, out));
  EXPECT_EQ(out.body.size(), 500'000U);
  EXPECT_FALSE(generous.next(rest, out));
  EXPECT_LT(generous.held(), 1024U);
}

struct BadHeader {
  const char* name;
  void (*spoil)(FrameHeader&);
  const char* error;
};

class PipeDecoderRefuses : public PipeDecoderTest, public testing::WithParamInterface<BadHeader> {};

TEST_P(PipeDecoderRefuses, AHeader) {
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(FrameKind::message);
  GetParam().spoil(header);
  Buffer bytes(sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  feed(joined({frame(1), bytes, frame(2)}));
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_EQ(error(), GetParam().error);
  feed(frame(3));
  EXPECT_EQ(seen.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    With, PipeDecoderRefuses,
    testing::Values(BadHeader{"magic", [](FrameHeader& h) { h.magic ^= 1; },
                              "sent a frame that makes no sense"},
                    BadHeader{"version", [](FrameHeader& h) { h.version = 9; },
                              "sent a frame that makes no sense"},
                    BadHeader{"kind0", [](FrameHeader& h) { h.kind = 0; },
                              "sent a frame that makes no sense"},
                    BadHeader{"kind255", [](FrameHeader& h) { h.kind = 255; },
                              "sent a frame that makes no sense"},
                    BadHeader{"length", [](FrameHeader& h) { h.size = limit + 1; },
                              "sent a frame that is too long"},
                    BadHeader{"hugeLength", [](FrameHeader& h) { h.size = 0xffffffff; },
                              "sent a frame that is too long"},
                    BadHeader{"descriptors", [](FrameHeader& h) { h.descriptors = 254; },
                              "sent a frame that makes no sense"},
                    BadHeader{"noDescriptors", [](FrameHeader& h) { h.descriptors = 1; },
                              "sent a message without the descriptors that it announces"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(PipeDecoderTest, GivesEachFrameItsDescriptorsInOrder) {
  decoder.add_descriptors(descriptors(3));
  feed(joined({frame(1), frame(2, "", 2), frame(3, "", 1)}));
  EXPECT_EQ(seen, (std::vector<Seen>{{1, "", 0, false}, {2, "", 2, false}, {3, "", 1, false}}));
}

TEST_F(PipeDecoderTest, KeepsDescriptorsForAFrameThatHasBegun) {
  decoder.add_descriptors(descriptors(1));
  const Buffer whole = frame(1, "body", 1);
  feed(std::span(whole).first(3));
  feed(std::span(whole).subspan(3));
  EXPECT_EQ(seen, (std::vector<Seen>{{1, "body", 1, false}}));
}

TEST_F(PipeDecoderTest, ClosesDescriptorsThatBelongToNoFrame) {
  const std::size_t before = open_descriptors();
  decoder.add_descriptors(descriptors(2));
  feed(frame(1, "", 1));
  EXPECT_EQ(error(), "sent descriptors that belong to no message");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(PipeDecoderTest, HoldsNoMoreDescriptorsThanTwoMessagesMayHave) {
  const std::size_t before = open_descriptors();
  const Buffer whole = frame(1, "body", 1);
  feed(std::span(whole).first(3));
  for (int i = 0; i < 20; ++i) decoder.add_descriptors(descriptors(200));
  EXPECT_EQ(error(), "sent descriptors that belong to no message");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(PipeDecoderTest, SaysWhichFrameLostItsDescriptors) {
  decoder.add_descriptors(descriptors(1));
  decoder.note_lost_descriptors();
  feed(joined({frame(1), frame(2, "", 3), frame(3)}));
  EXPECT_EQ(seen, (std::vector<Seen>{{1, "", 0, false}, {2, "", 0, true}, {3, "", 0, false}}));
  EXPECT_EQ(error(), "");
}

// Whatever comes, it ends in frames or in an error, and holds no more than has come. The sanitizers
// watch the rest. A failure says its seed.
TEST_F(PipeDecoderTest, BearsRandomBytes) {
  for (std::uint32_t seed = 1; seed <= 2000; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](std::size_t below) { return random() % below; };
    Buffer bytes;
    while (bytes.size() < 4000) {
      const Buffer next = frame(seed, std::string(pick(300), 'x'),
                                static_cast<std::uint8_t>(pick(20) == 0 ? pick(4) : 0));
      bytes.insert(bytes.end(), next.begin(), next.end());
    }
    for (std::size_t flips = pick(4); flips > 0; --flips) {
      bytes[pick(bytes.size())] = static_cast<std::byte>(random());
    }
    if (pick(10) == 0)
      std::generate(bytes.begin(), bytes.end(), [&] { return std::byte(random()); });
    PipeDecoder fuzzed(limit);
    std::size_t fed = 0, bodies = 0;
    Frame out;
    while (fed < bytes.size() && !fuzzed.error()) {
      const std::size_t size = std::min(bytes.size() - fed, 1 + pick(600));
      std::span<const std::byte> piece = std::span(bytes).subspan(fed, size);
      fed += size;
      if (pick(30) == 0) fuzzed.add_descriptors(descriptors(static_cast<int>(pick(3))));
      if (pick(30) == 0) fuzzed.note_lost_descriptors();
      while (fuzzed.next(piece, out)) bodies += out.body.size();
      ASSERT_LE(bodies, fed) << "seed " << seed;
      ASSERT_LE(fuzzed.held(), 2 * (limit + sizeof(FrameHeader))) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace brigade::cluster::detail
