#include "http/response_writer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace brigade::http {
namespace {

constexpr std::string_view date = "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n";

struct Written {
  std::string head_and_body;
  std::string large;
};

Written write(Response response, ResponseWriter::Framing framing = {}) {
  detail::OutBuffer out;
  Written written;
  ResponseWriter::write(response, framing, date, out, written.large);
  written.head_and_body.assign(out.data(), out.size());
  return written;
}

TEST(ResponseWriter, WritesAnAnswerByteForByte) {
  EXPECT_EQ(write(text("Hello")).head_and_body,
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 5\r\n"
            "\r\n"
            "Hello");
}

TEST(ResponseWriter, WritesFieldsInTheOrderTheyWereSet) {
  Response response = json_text("{}").status(201);
  response.set("X-B", "1").set("X-A", "2").add("X-B", "3");
  EXPECT_EQ(write(std::move(response)).head_and_body,
            "HTTP/1.1 201 Created\r\n"
            "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
            "Content-Type: application/json\r\n"
            "Content-Length: 2\r\n"
            "X-B: 1\r\n"
            "X-A: 2\r\n"
            "X-B: 3\r\n"
            "\r\n"
            "{}");
}

TEST(ResponseWriter, SaysThatABodyIsEmpty) {
  EXPECT_EQ(write(Response(200)).head_and_body,
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
            "Content-Length: 0\r\n"
            "\r\n");
}

TEST(ResponseWriter, AnswersHeadWithTheLengthAndWithoutTheBody) {
  EXPECT_EQ(write(text("Hello"), {.head_only = true}).head_and_body,
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 5\r\n"
            "\r\n");
}

TEST(ResponseWriter, AnswersHeadWithoutALargeBodyToo) {
  const Written written = write(text(std::string(100'000, 'x')), {.head_only = true});
  EXPECT_TRUE(written.head_and_body.ends_with("Content-Length: 100000\r\n\r\n"));
  EXPECT_EQ(written.large, "");
}

TEST(ResponseWriter, Gives204NeitherLengthNorBody) {
  EXPECT_EQ(write(empty().body("ignored")).head_and_body,
            "HTTP/1.1 204 No Content\r\n"
            "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
            "\r\n");
}

TEST(ResponseWriter, Gives304NeitherLengthNorBody) {
  Response response(304);
  response.set("ETag", "\"1\"").body(std::string(100'000, 'x'));
  const Written written = write(std::move(response));
  EXPECT_EQ(written.head_and_body,
            "HTTP/1.1 304 Not Modified\r\n"
            "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
            "ETag: \"1\"\r\n"
            "\r\n");
  EXPECT_EQ(written.large, "");
}

TEST(ResponseWriter, SaysWhenTheConnectionCloses) {
  EXPECT_EQ(write(text("x"), {.close = true}).head_and_body,
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 1\r\n"
            "Connection: close\r\n"
            "\r\n"
            "x");
}

TEST(ResponseWriter, TellsAnOldClientThatTheConnectionStays) {
  const std::string answer = write(text("x"), {.keep_alive_10 = true}).head_and_body;
  EXPECT_NE(answer.find("\r\nConnection: keep-alive\r\n"), std::string::npos);
}

TEST(ResponseWriter, LetsCloseGoBeforeKeepAlive) {
  const std::string answer = write(text("x"), {.close = true, .keep_alive_10 = true}).head_and_body;
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(answer.find("keep-alive"), std::string::npos);
}

TEST(ResponseWriter, KeepsTheSpaceOfAnEmptyReason) {  // RFC 9112 section 4
  EXPECT_TRUE(write(text("x").status(299)).head_and_body.starts_with("HTTP/1.1 299 \r\nDate: "));
}

TEST(ResponseWriter, CopiesABodyJustShortOfLarge) {
  const std::string body(ResponseWriter::large_body - 1, 'x');
  const Written written = write(text(body));
  EXPECT_TRUE(written.head_and_body.ends_with("\r\n\r\n" + body));
  EXPECT_EQ(written.large, "");
}

TEST(ResponseWriter, MovesALargeBodyInsteadOfCopyingIt) {
  detail::OutBuffer out;
  std::string large;
  Response response = text(std::string(ResponseWriter::large_body, 'x'));
  const char* const bytes = response.body().data();
  ResponseWriter::write(response, {}, date, out, large);
  EXPECT_EQ(large.data(), bytes);
  EXPECT_EQ(large.size(), ResponseWriter::large_body);
  EXPECT_TRUE(std::string_view(out.data(), out.size())
                  .ends_with("Content-Length: " + std::to_string(large.size()) + "\r\n\r\n"));
}

TEST(ResponseWriter, AppendsToWhatWaitsAlready) {
  detail::OutBuffer out;
  std::string large;
  Response first = text("1");
  Response second = text("2");
  ResponseWriter::write(first, {}, date, out, large);
  const std::size_t one = out.size();
  ResponseWriter::write(second, {}, date, out, large);
  EXPECT_EQ(out.size(), 2 * one);
  EXPECT_EQ(out.data()[one - 1], '1');
  EXPECT_EQ(out.data()[2 * one - 1], '2');
}

TEST(ResponseWriter, HasRoomForTheLongestHead) {
  // The longest reason, type line and numbers there are, and many fields.
  Response response = text(std::string(16'000, 'x')).status(431);
  for (int i = 0; i < 300; ++i)
    response.set("X-Some-Field-" + std::to_string(i), std::string(90, 'v'));
  const Written written = write(std::move(response), {.keep_alive_10 = true});
  EXPECT_TRUE(written.head_and_body.ends_with(std::string(16'000, 'x')));
}

TEST(DateLine, IsAnImfFixdate) {  // RFC 9110 section 5.6.7, its own example
  EXPECT_EQ(date_line(784111777), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

TEST(DateLine, KnowsLeapDays) {
  EXPECT_EQ(date_line(951782400), "Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n");
  EXPECT_EQ(date_line(1709251199), "Date: Thu, 29 Feb 2024 23:59:59 GMT\r\n");
  EXPECT_EQ(date_line(1709251200), "Date: Fri, 01 Mar 2024 00:00:00 GMT\r\n");
  EXPECT_EQ(date_line(4107542400), "Date: Mon, 01 Mar 2100 00:00:00 GMT\r\n");
}

TEST(DateLine, BeginsWithTheEpoch) {
  EXPECT_EQ(date_line(0), "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
}

TEST(DateLine, IsAlwaysOfOneSize) {
  for (std::int64_t day = 0; day < 366 * 40; ++day) {
    ASSERT_EQ(date_line(day * 86'400 + day % 86'400).size(), date_line_size);
  }
}

}  // namespace
}  // namespace brigade::http
