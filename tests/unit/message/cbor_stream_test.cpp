// The decoder under pieces of any size, and under bytes that mean nothing.
#include <brigade/cbor.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include "unit/message/hex.hpp"
#include "unit/message/random_value.hpp"

namespace brigade::cbor {
namespace {

// What a decoder makes of the bytes, in pieces of the sizes that `next_size` gives.
template <class NextSize>
std::string outcome(const Bytes& bytes, NextSize next_size, const ValueLimits& limits = {}) {
  Decoder decoder(limits);
  std::span<const std::byte> left(bytes);
  std::string out;
  while (!left.empty()) {
    const std::size_t size = std::min<std::size_t>(left.size(), next_size());
    Result<std::size_t> used = decoder.feed(left.first(size));
    if (!used) return out + used.error().message();
    left = left.subspan(*used);
    if (decoder.done()) out += decoder.take().to_string(100'000) + "\n";
  }
  return out + (decoder.in_value() ? "unfinished" : "finished");
}
std::string whole(const Bytes& bytes) {
  return outcome(bytes, [] { return SIZE_MAX; });
}
std::string byte_by_byte(const Bytes& bytes) {
  return outcome(bytes, [] { return 1; });
}

Bytes stream_of_everything() {
  return from_hex(
      "1a000f4240"                            // an integer
      "83fb3ff199999999999a63e6b0b4f97e00"    // numbers and text
      "bf61617f61626163ff61645f42010240ffff"  // all that is indefinite
      "a2616180616280"                        // empty arrays
      "d9d9f7c1fa47c35000"                    // tags
      "9f9f9f9fffffffff"
      "60");
}

TEST(CborStream, ReadsOneValueAfterAnother) {
  EXPECT_EQ(whole(stream_of_everything()),
            "1000000\n"
            "[1.1,\"\xe6\xb0\xb4\",nan]\n"
            "{\"a\":\"bc\",\"d\":<2 bytes>}\n"
            "{\"a\":[],\"b\":[]}\n"
            "1e+05\n"
            "[[[[]]]]\n"
            "\"\"\n"
            "finished");
}

TEST(CborStream, ReadsTheSameWhereverItIsSplit) {
  const Bytes stream = stream_of_everything();
  const std::string expected = whole(stream);
  EXPECT_EQ(byte_by_byte(stream), expected);
  for (std::size_t at = 1; at < stream.size(); ++at) {
    bool first = true;
    EXPECT_EQ(outcome(stream, [&] { return std::exchange(first, false) ? at : SIZE_MAX; }),
              expected)
        << "split at byte " << at;
  }
}

TEST(CborStream, TakesNoMoreThanTheValue) {
  Decoder decoder;
  EXPECT_EQ(decoder.feed(from_hex("820102ffff")).value(), 3u);
  EXPECT_TRUE(decoder.done());
  EXPECT_EQ(decoder.feed(from_hex("00")).value(), 0u);
  EXPECT_EQ(decoder.take(), Value::array(1, 2));
  EXPECT_THROW(decoder.take(), std::logic_error);
}

TEST(CborStream, CannotBeResumedAfterAnError) {
  Decoder decoder;
  const std::string error = decoder.feed(from_hex("82ff")).error().message();
  EXPECT_EQ(decoder.feed(from_hex("00")).error().message(), error);
  EXPECT_FALSE(decoder.done());
}

TEST(CborStream, CountsPositionsFromTheBeginningOfEachValue) {
  Decoder decoder;
  EXPECT_EQ(decoder.feed(from_hex("0182ff")).value(), 1u);
  decoder.take();
  EXPECT_EQ(decoder.feed(from_hex("8201")).value(), 2u);
  EXPECT_EQ(decoder.feed(from_hex("1c")).error().message(),
            "CBOR at byte 2: not well-formed, 0x1c begins nothing");
}

TEST(CborStream, KeepsDescriptorsForTheValuesToCome) {
  const auto one = [] {
    std::vector<Fd> list;
    list.emplace_back(::dup(0));
    return list;
  };
  Decoder decoder;
  decoder.add_descriptors(one());
  decoder.add_descriptors(one());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(decoder.feed(from_hex("da4252474600")).value(), 6u);
    EXPECT_TRUE(decoder.take().as_descriptor());
  }
  EXPECT_FALSE(decoder.feed(from_hex("da4252474600")).ok());
}

TEST(CborStream, RefusesToHoardDescriptors) {
  Decoder decoder;
  decoder.add_descriptors(std::vector<Fd>(1024));
  EXPECT_TRUE(decoder.feed({}).ok());
  decoder.add_descriptors(std::vector<Fd>(1));
  EXPECT_FALSE(decoder.feed(from_hex("00")).ok());
}

TEST(CborStream, BringsEveryValueBack) {
  RandomValue random(1);
  for (int round = 0; round < 200; ++round) {
    const Value value = random.make();
    const Bytes bytes = encode(value.clone().value()).value().bytes;
    Result<Value> back = decode(bytes);
    ASSERT_TRUE(back.ok()) << back.error().message();
    ASSERT_EQ(*back, value) << value.to_string();
    ASSERT_EQ(encode(std::move(*back)).value().bytes, bytes);
  }
}

// Neither crashes nor hangs, and says the same whatever the pieces.
TEST(CborStream, SurvivesRandomBytes) {
  RandomValue random(2);
  for (int round = 0; round < 3000; ++round) {
    Bytes bytes(random() % 60);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    ASSERT_EQ(byte_by_byte(bytes), whole(bytes)) << to_hex(bytes);
  }
}

TEST(CborStream, SurvivesDamagedValues) {
  RandomValue random(3);
  for (int round = 0; round < 300; ++round) {
    Bytes bytes = encode(random.make(3)).value().bytes;
    for (std::uint64_t hits = 1 + random() % 3; hits > 0; --hits) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    const std::string expected = whole(bytes);
    ASSERT_EQ(outcome(bytes, [&] { return 1 + random() % 9; }), expected) << to_hex(bytes);
  }
}

TEST(CborStream, StopsAtItsLimitsUnderAnEndlessStream) {
  const auto ends = [](std::string_view begin, std::string_view again, const char* error) {
    Decoder decoder({.max_depth = 64, .max_bytes = 100'000, .max_items = 1000});
    const Bytes piece = from_hex(again);
    Result<std::size_t> fed = decoder.feed(from_hex(begin));
    for (int i = 0; i < 200'000 && fed; ++i) fed = decoder.feed(piece);
    ASSERT_FALSE(fed.ok());
    EXPECT_TRUE(fed.error().message().ends_with(error)) << fed.error().message();
  };
  ends("", "81", "nested deeper than 64 levels");
  ends("9f", "00", "the message has more than 1000 values");
  ends("7f", "6161", "the message is larger than 100000 bytes");
}

}  // namespace
}  // namespace brigade::cbor
