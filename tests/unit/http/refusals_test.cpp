// What the parser refuses, with which code, and how early.
#include <gtest/gtest.h>

#include "http/authority.hpp"
#include "unit/http/parsed_head.hpp"

namespace brigade::http {
namespace {

using test::ParsedHead;
using namespace std::string_view_literals;

int code_of(std::string_view raw) {
  return ParsedHead(raw).code();
}
int code_of_line(std::string_view line) {
  return code_of(fmt::format("{}\r\nHost: a\r\n\r\n", line));
}
int code_of_target(std::string_view target) {
  return code_of_line(fmt::format("GET {} HTTP/1.1", target));
}
int code_of_fields(std::string_view fields) {
  return code_of(fmt::format("POST / HTTP/1.1\r\nHost: a\r\n{}\r\n", fields));
}
int code_of_host(std::string_view host) {
  return code_of(fmt::format("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", host));
}

TEST(Refusals, MalformedRequestLines) {
  for (std::string_view line : {" GET / HTTP/1.1"sv,
                                "GET\t/\tHTTP/1.1"sv,
                                "GET  / HTTP/1.1"sv,
                                "GET /  HTTP/1.1"sv,
                                "GET / HTTP/1.1 "sv,
                                "GET / a HTTP/1.1"sv,
                                "GET /"sv,
                                "GET"sv,
                                "GET "sv,
                                "GET / "sv,
                                "GET  HTTP/1.1"sv,
                                "BAD"sv,
                                "HTTP/1.1 200 OK"sv,
                                "<policy-file-request/>"sv,
                                "\0\1\2"sv,
                                "G@T / HTTP/1.1"sv,
                                "\"GET\" / HTTP/1.1"sv,
                                "G\xc3T / HTTP/1.1"sv,
                                "G\1T / HTTP/1.1"sv,
                                "\n"sv,
                                "\nGET / HTTP/1.1"sv,
                                "\r\n\r\nGET / HTTP/1.1"sv,
                                "\rGET / HTTP/1.1"sv,
                                "GET / HTTP/1.1\rX: 1"sv,
                                "PROXY TCP4 1.1.1.1 1.1.1.2 5 6"sv,
                                "GET / HTTP/1.1\nHost: a\n"sv,
                                "GET / HTTP/1.1\r\n\rX: 1"sv,
                                "GET / HTTP/1.1\r\n\nX: 1"sv}) {
    EXPECT_EQ(code_of_line(line), 400) << line;
  }
}

TEST(Refusals, MalformedVersions) {
  for (std::string_view version : {"http/1.1", "HTTP/1", "HTTP/1.", "HTTP/1.10", "HTTP/01.1",
                                   "HTTP/1,1", "HTTP/1.x", "HTTP /1.1", "HTTQ/1.1", "HTTP/1.1x"}) {
    EXPECT_EQ(code_of_line(fmt::format("GET / {}", version)), 400) << version;
  }
}

TEST(Refusals, OtherMajorVersions) {
  for (std::string_view version : {"HTTP/0.9", "HTTP/2.0", "HTTP/9.9"}) {
    EXPECT_EQ(code_of_line(fmt::format("GET / {}", version)), 505) << version;
  }
}

TEST(Refusals, TheHttp2PrefaceBeforeItsSecondPart) {
  EXPECT_EQ(code_of("PRI * HTTP/2.0\r\n"), 505);
}

TEST(Refusals, UnknownMethods) {
  EXPECT_EQ(code_of_line("FOO / HTTP/1.1"), 501);
  EXPECT_EQ(code_of_line("get / HTTP/1.1"), 501);
  EXPECT_EQ(code_of_line(std::string(2000, 'A') + " / HTTP/1.1"), 501);
  EXPECT_EQ(code_of_line("FOO * HTTP/1.1"), 501);
  EXPECT_EQ(code_of_line("FOO x HTTP/1.1"), 400);
}

TEST(Refusals, ConnectSinceThisIsNoProxy) {
  EXPECT_EQ(code_of_line("CONNECT b:80 HTTP/1.1"), 501);
  for (std::string_view target : {"b", "b:", ":80", "/", "http://b:80/", "u@b:80", "b:80?x", "*"}) {
    EXPECT_EQ(code_of_line(fmt::format("CONNECT {} HTTP/1.1", target)), 400) << target;
  }
}

TEST(Refusals, TargetsOfNoForm) {
  for (std::string_view target : {"*", "*?", "a", "a:80", "a/b", "../x", "?", "ftp://a/", "http:/a",
                                  "http:///x", "http://", "http://?x", "http://u@a/", "http://a:x/",
                                  "http://a:99999/", "http://[::1/", "mailto:a@b"}) {
    EXPECT_EQ(code_of_target(target), 400) << target;
  }
  EXPECT_EQ(code_of_line("OPTIONS *x HTTP/1.1"), 400);
}

TEST(Refusals, ForbiddenCharactersInTargets) {
  for (std::string_view target : {"/#x"sv, "/a\0b"sv, "/\x01"sv, "/\x7f"sv, "/\r"sv, "/a\rb"sv,
                                  "/\n"sv, "/\xc3\xa9"sv, "/\""sv, "/<x>"sv, "/a\\b"sv, "/?\""sv}) {
    EXPECT_EQ(code_of_target(target), 400) << target;
  }
}

TEST(Refusals, BrokenPercentEscapes) {
  for (std::string_view target : {"/%", "/%2", "/%zz", "/%2z", "/%u002e", "/?a=%", "/%%41"}) {
    EXPECT_EQ(code_of_target(target), 400) << target;
  }
}

TEST(Refusals, MalformedFieldLines) {
  for (std::string_view line :
       {"X : 1"sv,           "X\t: 1"sv,           ": x"sv,     "garbage"sv,
        "X(a): 1"sv,         "X/a: 1"sv,           "X[a]: 1"sv, "\"X\": 1"sv,
        "@X: 1"sv,           "X A: 1"sv,           "X\0A: 1"sv, "X\x7f: 1"sv,
        "X\x01: 1"sv,        "X\xc3\xa9: 1"sv,     " X: 1"sv,   "\tX: 1"sv,
        "X: 1\r\n folded"sv, "X: 1\r\n\tfolded"sv, "X: a\0b"sv, "X: a\x01"sv,
        "X: a\x1b[2J"sv,     "X: a\x7f"sv,         "X: a\rb"sv, "X: a\nY: b"sv,
        "X: a\r"sv,          "X\rY: 1"sv,          "\rX: 1"sv,  "\nX: 1"sv}) {
    EXPECT_EQ(code_of_fields(fmt::format("{}\r\n", line)), 400) << line;
  }
}

TEST(Refusals, WhitespaceBeforeTheFirstField) {
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400);
}

TEST(Refusals, MissingOrRepeatedHosts) {
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(code_of("GET http://a/ HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(code_of("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(code_of("GET http://a/ HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
}

TEST(Refusals, MalformedHosts) {
  for (std::string_view host :
       {"",        "a b",          "a/b",      "u@a",  "a, b", "a,b",    "a:x",  "a:1:2",
        "a:65536", "a:99999999",   "a:-1",     ":80",  "a%zz", "a%2",    "a\\b", "a?x",
        "a#x",     "a\x01",        "\xc3\xa9", "[::1", "::1",  "[::1]x", "[]",   "[1]",
        "[v1.a]",  "[::1%25eth0]", "http://a", "a\"b", "<a>"}) {
    EXPECT_EQ(code_of_host(host), 400) << host;
  }
}

TEST(Refusals, NoValidHost) {
  for (std::string_view host : {"a", "a.b-c_d~e", "127.0.0.1:3000", "[::1]", "[::1]:80", "a:",
                                "a%41", "[::ffff:1.2.3.4]:1", "xn--bcher-kva.example:65535"}) {
    EXPECT_EQ(code_of_host(host), 0) << host;
  }
}

TEST(Refusals, ContentLengthsThatAreNotJustDigits) {
  for (std::string_view value :
       {"+5"sv, "-5"sv, "-0"sv, "0x5"sv, "5.0"sv, "5e0"sv, "1 5"sv, ""sv, "5abc"sv, "1_0"sv,
        "\xef\xbc\x95"sv, "5;"sv, "\"5\""sv, "5\0"sv, "5,"sv, "5, 5"sv, "5, 6"sv, ","sv}) {
    EXPECT_EQ(code_of_fields(fmt::format("Content-Length: {}\r\n", value)), 400) << value;
  }
}

TEST(Refusals, RepeatedContentLengths) {
  EXPECT_EQ(code_of_fields("Content-Length: 5\r\nContent-Length: 6\r\n"), 400);
  EXPECT_EQ(code_of_fields("Content-Length: 5\r\nContent-Length: 5\r\n"), 400);
  EXPECT_EQ(code_of_fields("Content-Length: 0\r\nContent-Length: 0\r\n"), 400);
}

TEST(Refusals, ContentLengthsThatDoNotFit) {
  EXPECT_EQ(code_of_fields("Content-Length: 18446744073709551616\r\n"), 413);
  EXPECT_EQ(code_of_fields("Content-Length: 18446744073709551621\r\n"), 413);
  EXPECT_EQ(code_of_fields(fmt::format("Content-Length: {}\r\n", std::string(300, '9'))), 413);
  EXPECT_EQ(code_of_fields(fmt::format("Content-Length: {}x\r\n", std::string(300, '9'))), 400);
  EXPECT_EQ(ParsedHead("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n")
                .head.content_length,
            UINT64_MAX);
}

TEST(Refusals, TransferEncodingsThatDoNotEndWithOneChunked) {
  for (std::string_view value :
       {"xchunked"sv, "chunked-"sv, "chun ked"sv, "\"chunked\""sv, "\vchunked"sv, "\fchunked"sv,
        "chunked\0"sv, "chunked, identity"sv, "identity"sv, ""sv, "chunked, chunked"sv, "gzip"sv,
        "chunked;q=1"sv, ",chunked"sv, "chunked,"sv, "chunked\r\nTransfer-Encoding: x"sv,
        "\r\n chunked"sv}) {
    EXPECT_EQ(code_of_fields(fmt::format("Transfer-Encoding: {}\r\n", value)), 400) << value;
  }
}

TEST(Refusals, TransferCodingsThatWeDoNotHave) {
  EXPECT_EQ(code_of_fields("Transfer-Encoding: gzip, chunked\r\n"), 501);
  EXPECT_EQ(code_of_fields("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n"), 501);
}

TEST(Refusals, TransferEncodingWhereItCanOnlyBeAnAttack) {
  for (std::string_view length : {"Content-Length: 5\r\n", "Content-Length: 0\r\n"}) {
    EXPECT_EQ(code_of_fields(fmt::format("Transfer-Encoding: chunked\r\n{}", length)), 400);
    EXPECT_EQ(code_of_fields(fmt::format("{}Transfer-Encoding: chunked\r\n", length)), 400);
    EXPECT_EQ(code_of_fields(fmt::format("{}Transfer-Encoding:\r\n", length)), 400);
  }
  EXPECT_EQ(code_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(code_of_fields("Transfer-Encoding : chunked\r\n"), 400);
}

TEST(Refusals, UnknownExpectations) {
  EXPECT_EQ(code_of_fields("Expect: 200-ok\r\n"), 417);
  EXPECT_EQ(code_of("GET / HTTP/1.0\r\nExpect: 200-ok\r\n\r\n"), 0);
}

TEST(Refusals, RequestLinesOverTheLimit) {
  const std::string_view rest = " HTTP/1.1\r\n";
  auto line = [&](std::size_t size) {
    return fmt::format("GET /{}{}Host: a\r\n\r\n", std::string(size - 5 - rest.size(), 'a'), rest);
  };
  EXPECT_EQ(code_of(line(8192)), 0);
  EXPECT_EQ(code_of(line(8193)), 414);
  EXPECT_EQ(code_of(std::string(20000, 'A')), 501);
  EXPECT_EQ(code_of("GET /" + std::string(20000, 'A')), 414);
  // Found before the limit, or behind it.
  EXPECT_EQ(code_of("GET /" + std::string(8000, 'A') + "\x01"), 400);
  EXPECT_EQ(code_of("GET /" + std::string(9000, 'A') + "\x01"), 414);
}

TEST(Refusals, FieldLinesOverTheLimit) {
  auto fields = [](std::size_t size) {
    return fmt::format("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", std::string(size - 16, 'a'));
  };
  EXPECT_EQ(code_of(fields(32768)), 0);
  EXPECT_EQ(code_of(fields(32769)), 431);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\n" + std::string(40000, 'a')), 431);
}

TEST(Refusals, TooManyFields) {
  auto fields = [](int count) {
    std::string raw = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 1; i < count; ++i) raw += "a: b\r\n";
    return raw + "\r\n";
  };
  EXPECT_EQ(code_of(fields(100)), 0);
  EXPECT_EQ(code_of(fields(101)), 431);
}

TEST(Refusals, LimitsAreOptions) {
  const Limits small{.request_line = 20, .fields = 20, .field_count = 1};
  EXPECT_EQ(ParsedHead("GET / HTTP/1.1\r\nHost: a\r\n\r\n", small).code(), 0);
  EXPECT_EQ(ParsedHead("GET /aaaaa HTTP/1.1\r\nHost: a\r\n\r\n", small).code(), 414);
  EXPECT_EQ(ParsedHead("GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", small).code(), 431);
  EXPECT_EQ(ParsedHead("GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaa\r\n\r\n", small).code(), 431);
}

TEST(Refusals, JunkBeforeItsLineEnds) {
  EXPECT_EQ(code_of("\x16\x03\x01"), 400);  // a TLS ClientHello
  EXPECT_EQ(code_of("GET /\x01"), 400);
  EXPECT_EQ(code_of("GET / HTTQ"), 400);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost "), 400);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nX: \x01"), 400);
}

}  // namespace
}  // namespace brigade::http
