#include <brigade/cbor.hpp>
#include <brigade/message_port.hpp>
#include <brigade/shared_buffer.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "unit/message/hex.hpp"

namespace brigade::cbor {
namespace {

std::string encoded(Value value) {
  return to_hex(encode(std::move(value)).value().bytes);
}
Result<Value> decoded(std::string_view hex, const ValueLimits& limits = {}) {
  return decode(from_hex(hex), {}, limits);
}
std::string refusal(std::string_view hex, const ValueLimits& limits = {}) {
  Result<Value> result = decoded(hex, limits);
  return result ? "no error: " + result->to_string() : result.error().message();
}

struct Vector {
  const char* hex;
  Value value;
};

std::vector<Vector> vectors_in_shortest_form() {
  std::vector<Vector> list;
  const auto add = [&](const char* hex, Value value) { list.emplace_back(hex, std::move(value)); };
  add("00", 0);
  add("01", 1);
  add("0a", 10);
  add("17", 23);
  add("1818", 24);
  add("1819", 25);
  add("1864", 100);
  add("1903e8", 1000);
  add("1a000f4240", 1'000'000);
  add("1b000000e8d4a51000", 1'000'000'000'000);
  add("1b7fffffffffffffff", std::numeric_limits<std::int64_t>::max());
  add("3b7fffffffffffffff", std::numeric_limits<std::int64_t>::min());
  add("20", -1);
  add("29", -10);
  add("3863", -100);
  add("3903e7", -1000);
  add("f90000", 0.0);
  add("f93c00", 1.0);
  add("fb3ff199999999999a", 1.1);
  add("f93e00", 1.5);
  add("f97bff", 65504.0);
  add("fa47c35000", 100000.0);
  add("fa7f7fffff", 3.4028234663852886e+38);
  add("fb7e37e43c8800759c", 1.0e+300);
  add("f90001", 5.960464477539063e-8);
  add("f90400", 0.00006103515625);
  add("f9c400", -4.0);
  add("fbc010666666666666", -4.1);
  add("f97c00", INFINITY);
  add("f9fc00", -INFINITY);
  add("f4", false);
  add("f5", true);
  add("f6", nullptr);
  add("40", Bytes());
  add("4401020304", from_hex("01020304"));
  add("60", "");
  add("6161", "a");
  add("6449455446", "IETF");
  add("62225c", "\"\\");
  add("62c3bc", "\xc3\xbc");
  add("63e6b0b4", "\xe6\xb0\xb4");
  add("64f0908591", "\xf0\x90\x85\x91");
  add("80", Value::array());
  add("83010203", Value::array(1, 2, 3));
  add("8301820203820405", Value::array(1, Value::array(2, 3), Value::array(4, 5)));
  Value::Array many;
  for (int i = 1; i <= 25; ++i) many.emplace_back(i);
  add("98190102030405060708090a0b0c0d0e0f101112131415161718181819", std::move(many));
  add("a0", Value::object());
  add("a26161016162820203", Value::object({{"a", 1}, {"b", Value::array(2, 3)}}));
  add("826161a161626163", Value::array("a", Value::object({{"b", "c"}})));
  add("a56161614161626142616361436164614461656145",
      Value::object({{"a", "A"}, {"b", "B"}, {"c", "C"}, {"d", "D"}, {"e", "E"}}));
  return list;
}

TEST(Cbor, WritesAndReadsTheExamplesOfRfc8949) {
  for (Vector& vector : vectors_in_shortest_form()) {
    Result<Value> value = decoded(vector.hex);
    ASSERT_TRUE(value.ok()) << vector.hex << ": " << value.error().message();
    EXPECT_EQ(*value, vector.value) << vector.hex;
    EXPECT_EQ(encoded(std::move(vector.value)), vector.hex);
  }
}

TEST(Cbor, ReadsTheExamplesInOtherForms) {
  const auto reads = [](std::string_view hex, const Value& expected) {
    Result<Value> value = decoded(hex);
    ASSERT_TRUE(value.ok()) << hex << ": " << value.error().message();
    EXPECT_EQ(*value, expected) << hex << ": " << value->to_string();
  };
  reads("f7", nullptr);  // undefined
  reads("fa7f800000", INFINITY);
  reads("fb7ff0000000000000", INFINITY);
  reads("fbfff0000000000000", -INFINITY);
  reads("c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z");
  reads("c11a514b67b0", 1363896240);
  reads("c1fb41d452d9ec200000", 1363896240.5);
  reads("d74401020304", Value(from_hex("01020304")));
  reads("d818456449455446", Value(from_hex("6449455446")));
  reads("d82076687474703a2f2f7777772e6578616d706c652e636f6d", "http://www.example.com");
  reads("5f42010243030405ff", Value(from_hex("0102030405")));
  reads("7f657374726561646d696e67ff", "streaming");
  reads("9fff", Value::array());
  const Value nested = Value::array(1, Value::array(2, 3), Value::array(4, 5));
  reads("9f018202039f0405ffff", nested);
  reads("9f01820203820405ff", nested);
  reads("83018202039f0405ff", nested);
  reads("83019f0203ff820405", nested);
  reads("bf61610161629f0203ffff", Value::object({{"a", 1}, {"b", Value::array(2, 3)}}));
  reads("826161bf61626163ff", Value::array("a", Value::object({{"b", "c"}})));
  reads("bf6346756ef563416d7421ff", Value::object({{"Fun", true}, {"Amt", -2}}));
}

TEST(Cbor, ReadsAndWritesNotANumber) {
  for (const char* hex : {"f97e00", "fa7fc00000", "fb7ff8000000000000"}) {
    Result<Value> value = decoded(hex);
    ASSERT_TRUE(value.ok());
    EXPECT_TRUE(std::isnan(value->as_number()));
  }
  EXPECT_EQ(encoded(std::nan("7")), "f97e00");
}

TEST(Cbor, WritesEveryHalfAsAHalf) {
  for (unsigned half = 0; half < 0x10000; ++half) {
    if ((half & 0x7c00) == 0x7c00 && (half & 0x3ff) != 0) continue;  // NaN
    const std::string hex = fmt::format("f9{:04x}", half);
    ASSERT_EQ(encoded(decoded(hex).value()), hex);
  }
}

TEST(Cbor, LosesNoDigitsByShortening) {
  for (const double number : {65505.0, 65520.0, 1.0 + 0x1p-11, 0x1p-25, 0x1.8p-24, 1e-45, 0x1p-149,
                              0x1p-150, 3.5e38, 5e-324, 0.1}) {
    EXPECT_EQ(decoded(encoded(number)).value(), number) << number;
    EXPECT_EQ(decoded(encoded(-number)).value(), -number) << number;
  }
  EXPECT_TRUE(std::signbit(decoded(encoded(-0.0)).value().as_number()));
}

TEST(Cbor, RefusesIntegersBeyondItsOwn) {
  EXPECT_EQ(refusal("1b8000000000000000"),
            "CBOR at byte 0: the integer does not fit 64 bits with a sign");
  EXPECT_EQ(refusal("823b800000000000000000"),
            "CBOR at byte 1: the integer does not fit 64 bits with a sign");
  EXPECT_EQ(refusal("c249010000000000000000"),
            "CBOR at byte 0: integers beyond 64 bits with a sign are not supported");
  EXPECT_EQ(refusal("c349010000000000000000"),
            "CBOR at byte 0: integers beyond 64 bits with a sign are not supported");
}

TEST(Cbor, RefusesSimpleValuesWithoutAMeaning) {
  EXPECT_EQ(refusal("f0"), "CBOR at byte 0: the simple value 16 has no meaning");
  EXPECT_EQ(refusal("f8ff"), "CBOR at byte 0: the simple value 255 has no meaning");
}

// RFC 8949 appendix F lists what is not well-formed.
TEST(Cbor, RefusesWhatIsNotWellFormed) {
  for (const char* hex : {"1c",           "1d",       "1e",
                          "3c",           "5c",       "7d",
                          "9e",           "bc",       "dd",
                          "fc",           "fd",       "fe",  // reserved
                          "f800",         "f801",     "f818",
                          "f81f",  // simple, too small
                          "5f00ff",       "5f21ff",   "5f6100ff",
                          "5f80ff",       "5fa0ff",   "5fc000ff",
                          "5fe0ff",       "7f4100ff", "5f5f4100ffff",
                          "7f7f6100ffff",  // chunks of another kind
                          "ff",           "81ff",     "8200ff",
                          "a1ff",         "a16161ff", "a2616100ff",
                          "9f81ff",       "9f8200ff", "bf616100bfff00",
                          "bf6161ff",     "9fc1ff",   "c1ff",   // ends where nothing ends
                          "1f",           "3f",       "df"}) {  // no such indefinite length
    EXPECT_TRUE(refusal(hex).starts_with("CBOR at byte ")) << hex << ": " << refusal(hex);
  }
}

TEST(Cbor, SaysWhereItEndsTooEarlyOrTooLate) {
  EXPECT_EQ(refusal(""), "CBOR at byte 0: ends in the middle of a value");
  for (const char* hex :
       {"18", "19", "1a0102", "1b01020304050607", "38", "58", "5803", "5f", "5f41", "7f", "62ff",
        "81", "9f", "a1",     "a16161",           "bf", "c0", "d8",   "f8", "f900"}) {
    EXPECT_TRUE(refusal(hex).ends_with("ends in the middle of a value")) << hex;
  }
  EXPECT_EQ(refusal("0000"), "CBOR at byte 1: more bytes after the value");
}

TEST(Cbor, RefusesNamesThatAreNoTextOrComeTwice) {
  EXPECT_EQ(refusal("a10102"), "CBOR at byte 1: a name must be text");
  EXPECT_EQ(refusal("a1c0616100"), "CBOR at byte 1: a name must be text");
  EXPECT_EQ(refusal("bf4100"), "CBOR at byte 1: a name must be text");
  EXPECT_EQ(refusal("a2616100616101"), "CBOR at byte 4: the name comes twice");
  EXPECT_EQ(decoded("a17f61616162ff00").value(), Value::object({{"ab", 0}}));
}

TEST(Cbor, RefusesTextThatIsNotUtf8) {
  EXPECT_EQ(refusal("636180ff"), "CBOR at byte 2: the text is not UTF-8");
  EXPECT_EQ(refusal("62c0af"), "CBOR at byte 1: the text is not UTF-8");
  EXPECT_EQ(refusal("63eda080"), "CBOR at byte 1: the text is not UTF-8");
  // Whole only when put together: section 3.2.3.
  EXPECT_EQ(refusal("7f61c361bcff"), "CBOR at byte 2: the text is not UTF-8");
  EXPECT_EQ(encode(Value::object({{"a", "\xff"}})).error().message(),
            ".a: text must be UTF-8 to travel to another process, send this as bytes");
  EXPECT_FALSE(encode(Value::object({{"\xff", "a"}})).ok());
}

TEST(Cbor, KeepsToTheLimitsWhateverLengthsAreClaimed) {
  EXPECT_EQ(refusal("9b7fffffffffffffff"),
            "CBOR at byte 0: the message has more than 1000000 values");
  EXPECT_EQ(refusal("bbffffffffffffffff"),
            "CBOR at byte 0: the message has more than 1000000 values");
  EXPECT_EQ(refusal("7bffffffffffffffff"),
            "CBOR at byte 0: the message is larger than 67108864 bytes");
  EXPECT_EQ(refusal("9f000000", {.max_items = 3}),
            "CBOR at byte 3: the message has more than 3 values");
  EXPECT_EQ(refusal("8361616162", {.max_bytes = 49}),
            "CBOR at byte 3: the message is larger than 49 bytes");
  EXPECT_EQ(refusal("818180", {.max_depth = 2}), "CBOR at byte 2: nested deeper than 2 levels");
  EXPECT_EQ(refusal("818100", {.max_depth = 2}), "no error: [[0]]");
}

TEST(Cbor, ReadsWhateverItWroteWithinTheSameLimits) {
  Value value =
      Value::object({{"list", Value::array(1, 2.5, "text", Bytes(7))}, {"none", nullptr}});
  const ValueLimits limits{.max_depth = 2, .max_bytes = approximate_size(value), .max_items = 7};
  Value copy = value.clone().value();
  const Bytes bytes = encode(std::move(value), limits).value().bytes;
  EXPECT_EQ(decode(bytes, {}, limits).value(), copy);
  EXPECT_FALSE(decode(bytes, {}, {.max_bytes = limits.max_bytes - 1}).ok());
  EXPECT_FALSE(decode(bytes, {}, {.max_items = 6}).ok());
}

TEST(CborDescriptors, TravelBesideTheBytesInTheirOrder) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const SharedBuffer buffer = SharedBuffer::create(8).value();
  Value value = Value::array(Fd(ends[0]), buffer, Value::object({{"out", Fd(ends[1])}}), buffer,
                             SharedBuffer());
  Encoded out = encode(std::move(value)).value();
  ASSERT_EQ(out.descriptors.size(), 4u);
  EXPECT_EQ(out.descriptors[0].get(), ends[0]);
  EXPECT_EQ(out.descriptors[2].get(), ends[1]);

  const Value back = decode(out.bytes, std::move(out.descriptors)).value();
  EXPECT_EQ(back[0].as_descriptor().get(), ends[0]);
  EXPECT_EQ(back[1].as_buffer(), buffer);
  EXPECT_EQ(back[2].at("out").as_descriptor().get(), ends[1]);
  EXPECT_EQ(back[3].as_buffer(), buffer);
  EXPECT_FALSE(back[4].as_buffer());
}

TEST(CborDescriptors, StayInTheValueWhenAnythingIsRefused) {
  Value value = Value::array(Fd(::dup(0)), MessagePort());
  const int number = value[0].as_descriptor().get();
  EXPECT_EQ(encode(std::move(value)).error().message(),
            "[1]: a port cannot travel to another process");
  EXPECT_EQ(value[0].as_descriptor().get(), number);
  EXPECT_EQ(encode(Fd()).error().message(), "the descriptor is closed");
}

TEST(CborDescriptors, AreRefusedWhenTheyHaveNotComeOrAreNotInOrder) {
  EXPECT_EQ(refusal("da4252474600"), "CBOR at byte 5: descriptor 0 has not come along");
  EXPECT_EQ(refusal("da4252474601"), "CBOR at byte 5: expected the number of descriptor 0");
  EXPECT_EQ(refusal("da42524746f6"), "CBOR at byte 5: expected the number of descriptor 0");
  EXPECT_EQ(refusal("da425247469fff"), "CBOR at byte 5: expected the number of descriptor 0");
  EXPECT_EQ(refusal("da42524746c100"), "CBOR at byte 5: expected the number of descriptor 0");
}

TEST(CborDescriptors, AreRefusedAsBuffersWhenTheyAreNone) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::vector<Fd> descriptors;
  descriptors.emplace_back(ends[0]);
  descriptors.emplace_back(ends[1]);
  const Result<Value> refused = decode(from_hex("da4252474200"), std::move(descriptors));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(::close(ends[0]), -1);
  EXPECT_EQ(::close(ends[1]), -1);
}

}  // namespace
}  // namespace brigade::cbor
