#include "http/chunked.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "unit/http/pieces.hpp"

namespace brigade::http {
namespace {

using namespace std::string_view_literals;
using Kind = ChunkedDecoder::Kind;

struct Body {
  Kind kind = Kind::need_more;
  int code = 0;
  std::size_t consumed = 0;
  std::string data;
  bool operator==(const Body&) const = default;
};

Body decode(std::string_view raw, test::Cut cut, const ChunkedLimits& limits) {
  ChunkedDecoder decoder(limits);
  Body body;
  for (std::size_t arrived : test::arrivals(raw, cut)) {
    do {
      const std::string_view in = raw.substr(body.consumed, arrived - body.consumed);
      const auto step = decoder.next(in);
      body.kind = step.kind;
      body.code = step.code;
      body.consumed += step.consumed;
      body.data += step.data;
    } while (body.kind == Kind::data);
    if (body.kind != Kind::need_more) break;
    EXPECT_EQ(body.consumed, arrived);
  }
  return body;
}

Body decode(std::string_view raw, const ChunkedLimits& limits = {}) {
  const Body body = decode(raw, test::Cut::whole, limits);
  for (test::Cut cut : test::all_cuts) {
    const Body other = decode(raw, cut, limits);
    EXPECT_EQ(other.kind, body.kind) << raw.substr(0, 80);
    EXPECT_EQ(other.code, body.code) << raw.substr(0, 80);
    if (body.kind != Kind::error) EXPECT_EQ(other.consumed, body.consumed) << raw.substr(0, 80);
    EXPECT_EQ(other.data, body.data) << raw.substr(0, 80);
  }
  return body;
}

std::string complete(std::string_view raw) {
  const Body body = decode(raw);
  EXPECT_EQ(body.kind, Kind::complete) << raw;
  return body.data;
}

TEST(Chunked, JoinsChunks) {
  EXPECT_EQ(complete("5\r\nhello\r\n1\r\n,\r\n00A\r\n0123456789\r\n0\r\n\r\n"), "hello,0123456789");
  EXPECT_EQ(complete("0\r\n\r\n"), "");
  EXPECT_EQ(complete("a\r\n0\r\n\r\n0\r\n\r\n\r\n000\r\n\r\n"), "0\r\n\r\n0\r\n\r\n");
}

TEST(Chunked, LeavesTheNextRequestAlone) {
  EXPECT_EQ(decode("1\r\na\r\n0\r\n\r\nGET /").consumed, 11U);
}

TEST(Chunked, StaysComplete) {
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.next("0\r\n\r\n").kind, Kind::complete);
  const auto step = decoder.next("GET");
  EXPECT_EQ(step.kind, Kind::complete);
  EXPECT_EQ(step.consumed, 0U);
}

TEST(Chunked, StaysRefused) {
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.next("x").kind, Kind::error);
  EXPECT_EQ(decoder.next("0\r\n\r\n").kind, Kind::error);
}

TEST(Chunked, WaitsForEveryMissingByte) {
  const std::string_view raw = "5;a=\"\\\"\"\r\nhello\r\n0\r\nX: y\r\n\r\n";
  for (std::size_t size = 0; size < raw.size(); ++size) {
    EXPECT_EQ(decode(raw.substr(0, size)).kind, Kind::need_more) << size;
  }
}

TEST(Chunked, IgnoresExtensions) {
  for (std::string_view extension : {";a", ";a=b", ";foo=bar;baz=\"q;z\"", " ; foo = bar", "\t;a",
                                     ";a=\"\\\"\\\\\"", ";a=\"\" ;b", ";a ;b ; c=d"}) {
    EXPECT_EQ(complete(fmt::format("5{}\r\nhello\r\n0{}\r\n\r\n", extension, extension)), "hello");
  }
}

TEST(Chunked, RefusesMalformedExtensions) {
  for (std::string_view extension :
       {";"sv,         ";;a"sv,         ";a="sv,  ";=b"sv, ";a=\"x"sv, ";a=\"x\"y"sv, ";a b"sv,
        ";a=b c"sv,    " "sv,           "\t"sv,   " a"sv,  ";a\nb"sv,  ";a\rb"sv,     ";a\0"sv,
        ";a=\"\n\""sv, ";a=\"\x01\""sv, ";a ="sv, ";a "sv, ";a=b "sv,  ";a=\"b\" "sv}) {
    const Body body = decode(fmt::format("5{}\r\nhello\r\n0\r\n\r\n", extension));
    EXPECT_EQ(body.code, 400) << extension;
    EXPECT_EQ(body.data, "");
  }
}

TEST(Chunked, RefusesMalformedSizes) {
  for (std::string_view size : {"0x5"sv, "+5"sv, "-5"sv, " 5"sv, ""sv, "0_5"sv, "5g"sv, "5\n"sv,
                                "5\r"sv, "5 "sv, "\0"sv, "\xef\xbc\x95"sv}) {
    EXPECT_EQ(decode(fmt::format("{}\r\nhello\r\n0\r\n\r\n", size)).code, 400) << size;
  }
}

TEST(Chunked, RefusesABareLineFeedAfterASize) {
  EXPECT_EQ(decode("5\nhello\r\n0\r\n\r\n").code, 400);
  EXPECT_EQ(decode("5\r\nhello\n0\r\n\r\n").code, 400);
  EXPECT_EQ(decode("5\r\nhello\r\n0\r\n\n").code, 400);
}

TEST(Chunked, RefusesDataOfAnotherLength) {
  for (std::string_view raw : {"5\r\nhelloXX\r\n0\r\n\r\n", "5\r\nhelloXY0\r\n\r\n",
                               "5\r\nhell\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n"}) {
    EXPECT_EQ(decode(raw).code, 400) << raw;
  }
}

TEST(Chunked, RefusesSizesThatDoNotFit) {
  EXPECT_EQ(decode("10000000000000005\r\nhello").code, 413);
  EXPECT_EQ(decode(std::string(80, '0') + "g\r\n").code, 400);
  EXPECT_EQ(decode("fffffffffffffff0\r\nx").kind, Kind::need_more);
}

TEST(Chunked, DoesNotWrapTheSumOfSizes) {
  ChunkedDecoder decoder({.body = 100});
  EXPECT_EQ(decoder.next("5\r\n12345\r\n").kind, Kind::data);
  EXPECT_EQ(decoder.next("\r\nffffffffffffffff\r\n").code, 413);
}

TEST(Chunked, RefusesABodyOverTheLimitBeforeItsData) {
  EXPECT_EQ(decode("6\r\n", {.body = 5}).code, 413);
  EXPECT_EQ(decode("3\r\nabc\r\n3\r\n", {.body = 5}).code, 413);
  EXPECT_EQ(decode("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", {.body = 5}).kind, Kind::complete);
}

TEST(Chunked, CountsExtensionsOfTheWholeMessage) {
  EXPECT_EQ(decode("5;a=" + std::string(70000, 'a')).code, 413);
  std::string raw;
  for (int i = 0; i < 4096; ++i) raw += "1;" + std::string(62, 'a') + "\r\nx\r\n";
  EXPECT_EQ(decode(raw).code, 413);
}

TEST(Chunked, TakesManySmallChunks) {
  std::string raw;
  for (int i = 0; i < 65536; ++i) raw += "1\r\nx\r\n";
  EXPECT_EQ(decode(raw + "0\r\n\r\n", test::Cut::whole, {}).data.size(), 65536U);
}

TEST(Chunked, DropsTrailers) {
  EXPECT_EQ(complete("5\r\nhello\r\n0\r\nHost: evil\r\nContent-Length: 9\r\nX:\r\n\r\n"), "hello");
}

TEST(Chunked, RefusesMalformedTrailers) {
  for (std::string_view line :
       {"Bad Trailer"sv, "X : 1"sv, ": 1"sv, " X: 1"sv, "X: 1\r\n folded"sv, "X: a\nY: b"sv,
        "X: a\0"sv, "X: a\rb"sv, "\n"sv, "\rX"sv, "X\xc3: 1"sv, "garbage"sv}) {
    EXPECT_EQ(decode(fmt::format("0\r\n{}\r\n\r\n", line)).code, 400) << line;
  }
}

TEST(Chunked, LimitsTrailers) {
  EXPECT_EQ(decode("0\r\nX: " + std::string(70000, 'a')).code, 431);
  std::string many = "0\r\n";
  for (int i = 0; i < 100; ++i) many += "a:\r\n";
  EXPECT_EQ(decode(many + "\r\n").kind, Kind::complete);
  EXPECT_EQ(decode(many + "a:\r\n\r\n").code, 431);
}

}  // namespace
}  // namespace brigade::http
