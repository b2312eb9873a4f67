// What the parser makes of heads that it accepts, and how it behaves over several calls.
#include "http/parser.hpp"

#include <gtest/gtest.h>

#include "http/chars.hpp"
#include "unit/http/parsed_head.hpp"

namespace brigade::http {
namespace {

using test::ParsedHead;

constexpr std::string_view host = "Host: a\r\n\r\n";

std::string get(std::string_view target) {
  return fmt::format("GET {} HTTP/1.1\r\n{}", target, host);
}
std::string with(std::string_view fields) {
  return fmt::format("GET / HTTP/1.1\r\n{}{}", fields, host);
}

TEST(Parser, ReadsASmallRequest) {
  ParsedHead parsed("GET / HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\nmore");
  ASSERT_TRUE(parsed.complete());
  EXPECT_EQ(parsed.outcome.consumed, 40U);
  EXPECT_EQ(parsed.head.method, Method::get);
  EXPECT_EQ(parsed.head.method_name, "GET");
  EXPECT_EQ(parsed.head.path, "/");
  EXPECT_EQ(parsed.head.host, "127.0.0.1:3000");
  EXPECT_EQ(parsed.head.minor_version, 1);
  EXPECT_TRUE(parsed.head.keep_alive);
  EXPECT_FALSE(parsed.head.has_query);
}

TEST(Parser, KnowsEveryMethod) {
  const std::pair<std::string_view, Method> methods[] = {
      {"GET", Method::get},     {"HEAD", Method::head},      {"POST", Method::post},
      {"PUT", Method::put},     {"DELETE", Method::delete_}, {"OPTIONS", Method::options},
      {"TRACE", Method::trace}, {"PATCH", Method::patch}};
  for (const auto& [name, method] : methods) {
    ParsedHead parsed(fmt::format("{} /a HTTP/1.1\r\n{}", name, host));
    ASSERT_TRUE(parsed.complete()) << name;
    EXPECT_EQ(parsed.head.method, method);
    EXPECT_EQ(parsed.head.method_name, name);
  }
}

TEST(Parser, SplitsPathAndQueryAtTheFirstQuestionMark) {
  ParsedHead parsed(get("/a/b%20c?x=1?y"));
  ASSERT_TRUE(parsed.complete());
  EXPECT_EQ(parsed.head.path, "/a/b%20c");
  EXPECT_EQ(parsed.head.query, "x=1?y");
}

TEST(Parser, TellsAnEmptyQueryFromNone) {
  EXPECT_TRUE(ParsedHead(get("/?")).head.has_query);
  EXPECT_FALSE(ParsedHead(get("/")).head.has_query);
}

TEST(Parser, AcceptsWhatBrowsersSendUnescaped) {
  EXPECT_TRUE(ParsedHead(get("/a|b^{c}`[1]?q=\\|{}^`")).complete());
}

TEST(Parser, ReadsAnAbsoluteTarget) {
  ParsedHead parsed("GET hTTp://b:81/x?y HTTP/1.1\r\nHost: evil\r\n\r\n");
  ASSERT_TRUE(parsed.complete());
  EXPECT_EQ(parsed.head.host, "b:81");
  EXPECT_EQ(parsed.head.path, "/x");
  EXPECT_EQ(parsed.head.query, "y");
  EXPECT_EQ(parsed.head.target, "hTTp://b:81/x?y");
}

TEST(Parser, GivesAnAbsoluteTargetWithoutPathARoot) {
  ParsedHead parsed(get("https://b?q"));
  ASSERT_TRUE(parsed.complete());
  EXPECT_EQ(parsed.head.path, "/");
  EXPECT_EQ(parsed.head.query, "q");
  EXPECT_EQ(ParsedHead(get("http://b")).head.path, "/");
}

TEST(Parser, KeepsDoubleSlashesAndSlashesInQueries) {
  EXPECT_EQ(ParsedHead(get("//evil/x")).head.path, "//evil/x");
  EXPECT_EQ(ParsedHead(get("/?http://b/")).head.path, "/");
}

TEST(Parser, ReadsAnAsteriskWithOptions) {
  ParsedHead parsed("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(parsed.complete());
  EXPECT_EQ(parsed.head.path, "*");
}

TEST(Parser, TrimsOuterWhitespaceOfValues) {
  ParsedHead parsed(with("X-A: \t a  b \t\r\nX-B:\r\nX-C: \t \r\n"));
  ASSERT_TRUE(parsed.complete());
  EXPECT_EQ(parsed.head.find("x-a")->value, "a  b");
  EXPECT_EQ(parsed.head.find("x-b")->value, "");
  EXPECT_EQ(parsed.head.find("x-c")->value, "");
  EXPECT_EQ(parsed.head.find("x-d"), nullptr);
}

TEST(Parser, KeepsBytesAbove0x7fInValues) {
  EXPECT_EQ(ParsedHead(with("X-A: \xc3\xa9\xff\r\n")).head.find("X-A")->value, "\xc3\xa9\xff");
}

TEST(Parser, FindsFieldNamesWithoutCase) {
  ParsedHead parsed("POST / HTTP/1.1\r\nhOST: a\r\ncONTENT-lENGTH: 010\r\n\r\n");
  ASSERT_TRUE(parsed.complete());
  EXPECT_EQ(parsed.head.host, "a");
  EXPECT_EQ(parsed.head.content_length, 10U);  // decimal, not octal
  EXPECT_TRUE(parsed.head.has_content_length);
}

TEST(Parser, TellsSimilarNamesOfTheSameLengthApart) {
  ParsedHead parsed(
      with("Transfer_Encoding: x\r\nContent_Length: x\r\nCost: a\r\nConnectiom: close\r\n"
           "Transfer-Fncoding: x\r\n"));
  ASSERT_TRUE(parsed.complete());
  EXPECT_FALSE(parsed.head.chunked || parsed.head.has_content_length);
  EXPECT_TRUE(parsed.head.keep_alive);
}

TEST(Parser, ReadsChunked) {
  for (std::string_view value : {"chunked", "ChUnKeD", "\tchunked", "chunked "}) {
    EXPECT_TRUE(ParsedHead(with(fmt::format("Transfer-Encoding:{}\r\n", value))).head.chunked);
  }
}

TEST(Parser, DecidesKeepAliveByVersionAndConnection) {
  auto keep = [](std::string_view version, std::string_view fields) {
    ParsedHead parsed(fmt::format("GET / HTTP/{}\r\n{}{}", version, fields, host));
    EXPECT_TRUE(parsed.complete());
    return parsed.head.keep_alive;
  };
  EXPECT_TRUE(keep("1.1", ""));
  EXPECT_FALSE(keep("1.0", ""));
  EXPECT_FALSE(keep("1.1", "Connection: Close\r\n"));
  EXPECT_TRUE(keep("1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keep("1.1", "Connection: x, ,close ,y\r\n"));
  EXPECT_FALSE(keep("1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
  EXPECT_TRUE(keep("1.1", "Connection: closed\r\n"));
  EXPECT_TRUE(keep("1.1", "Connection:\r\n"));
}

TEST(Parser, NoticesAConnectionUpgrade) {
  EXPECT_TRUE(ParsedHead(with("Connection: keep-alive, Upgrade\r\n")).head.upgrade);
  EXPECT_FALSE(ParsedHead(with("Upgrade: websocket\r\n")).head.upgrade);
}

TEST(Parser, ExpectsContinueOnlyWithContentAndSinceHttp11) {
  auto expect = [](std::string_view version, std::string_view length) {
    ParsedHead parsed(
        fmt::format("POST / HTTP/{}\r\nExpect: 100-Continue\r\n{}{}", version, length, host));
    EXPECT_TRUE(parsed.complete());
    return parsed.head.expect_continue;
  };
  EXPECT_TRUE(expect("1.1", "Content-Length: 1\r\n"));
  EXPECT_TRUE(expect("1.1", "Transfer-Encoding: chunked\r\n"));
  EXPECT_FALSE(expect("1.1", "Content-Length: 0\r\n"));
  EXPECT_FALSE(expect("1.1", ""));
  EXPECT_FALSE(expect("1.0", "Content-Length: 1\r\n"));
}

TEST(Parser, TakesLaterMinorVersionsForHttp11) {
  ParsedHead parsed("GET / HTTP/1.2\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(parsed.complete());
  EXPECT_EQ(parsed.head.minor_version, 1);
}

TEST(Parser, NeedsNoHostInHttp10) {
  ParsedHead parsed("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(parsed.complete());
  EXPECT_EQ(parsed.head.host, "");
  EXPECT_EQ(parsed.head.minor_version, 0);
}

TEST(Parser, ToleratesOneEmptyLineBefore) {
  ParsedHead parsed("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(parsed.complete());
  EXPECT_EQ(parsed.outcome.consumed, 29U);
}

TEST(Parser, ToleratesTheEmptyLineAlsoAfterACallWithoutBytes) {
  HeadParser parser;
  RequestHead head;
  const std::string raw = "\r\n" + get("/");
  for (std::size_t size = 0; size < raw.size(); ++size) {
    EXPECT_EQ(parser.parse(raw.substr(0, size), head).status, HeadParser::Status::incomplete);
  }
  EXPECT_EQ(parser.parse(raw, head).status, HeadParser::Status::complete);
}

TEST(Parser, WaitsForEveryMissingByte) {
  const std::string raw = with("Content-Length: 5\r\nX_y: %\r\n");
  for (std::size_t size = 0; size < raw.size(); ++size) {
    EXPECT_TRUE(ParsedHead(raw.substr(0, size)).incomplete()) << size;
  }
}

TEST(Parser, StartsAfreshAfterEachHead) {
  HeadParser parser;
  RequestHead head;
  EXPECT_EQ(parser.parse("GET /a?b HTTP/1.0\r\nConnection: close\r\n\r\n", head).status,
            HeadParser::Status::complete);
  EXPECT_EQ(parser.parse("GET / HTTP/1.1\r\nBad\r\n", head).code, 400);
  EXPECT_EQ(parser.parse("GET / HT", head).status, HeadParser::Status::incomplete);
  parser.reset();
  const std::string last = get("/c");
  EXPECT_EQ(parser.parse(last, head).status, HeadParser::Status::complete);
  EXPECT_EQ(test::describe(head), test::describe(ParsedHead(last).head));
}

TEST(Parser, AllocatesNothingOnceTheFieldsHaveRoom) {
  HeadParser parser;
  RequestHead head;
  const std::string raw = with("A: 1\r\nB: 2\r\n");
  parser.parse(raw, head);
  const Field* const room = head.fields.data();
  parser.parse(raw, head);
  EXPECT_EQ(head.fields.data(), room);
}

TEST(Parser, MovesAHeadWithItsBuffer) {
  const std::string raw = get("http://b/x?y");
  ParsedHead parsed(raw);
  const std::string before = test::describe(parsed.head);
  std::string copy(raw);
  HeadParser::rebase(parsed.head.method_name.data(), copy.data(), parsed.head);
  EXPECT_EQ(parsed.head.path.data(), copy.data() + 12);
  EXPECT_EQ(test::describe(parsed.head), before);
}

TEST(Chars, ScansAgreeWithTheTableForEveryByteAtEveryPlace) {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t place = 0; place < 36; ++place) {
      std::string text(36, 'a');
      text[place] = static_cast<char>(byte);
      const char* const p = text.data();
      const char* const end = p + text.size();
      ASSERT_EQ(chars::skip_token(p, end), chars::skip(chars::token, p, end)) << byte;
      ASSERT_EQ(chars::skip_value(p, end), chars::skip(chars::value, p, end)) << byte;
      ASSERT_EQ(chars::skip_target(p, end), chars::skip(chars::target, p, end)) << byte;
    }
  }
}

TEST(Chars, OnlyCapitalsFoldToLettersAndOnlyCarriageReturnToAHyphen) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    for (char lower : std::string_view("abcdefghijklmnopqrstuvwxyz-")) {
      const bool folds = chars::folded<std::uint8_t>(&c) == static_cast<std::uint8_t>(lower);
      const bool same = equal_ignoring_case({&c, 1}, {&lower, 1}) || (c == '\r' && lower == '-');
      EXPECT_EQ(folds, same) << byte << ' ' << lower;
    }
  }
}

}  // namespace
}  // namespace brigade::http
