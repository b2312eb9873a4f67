#include <gtest/gtest.h>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

struct Http : testing::Test {
  ServerProcess server{{TEST_SERVER_PROGRAM, {"--workers", "1"}}};
  Client client{server.port()};
};

}  // namespace

TEST_F(Http, KeepsAConnectionForManyRequests) {
  const std::string first = client.get("/").body;
  for (int count = 0; count < 20; ++count) EXPECT_EQ(client.get("/").body, first);
  EXPECT_EQ(server.stats().at("totals").at("connections").at("total"), 2);
}

TEST_F(Http, ClosesWhenTheClientAsksForIt) {
  const Answer answer = client.request("GET", "/", {}, "Connection: close\r\n");
  EXPECT_TRUE(answer.closes());
  EXPECT_TRUE(client.is_closed_silently());
}

TEST_F(Http, AnswersPipelinedRequestsInTheirOrder) {
  // The first takes longest.
  client.send(
      "GET /slow?ms=50 HTTP/1.1\r\nHost: t\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 6\r\n\r\nsecond"
      "GET /missing HTTP/1.1\r\nHost: t\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: "
      "chunked\r\n\r\n6\r\nfourth\r\n0\r\n\r\n");
  EXPECT_TRUE(client.read().body.starts_with("pid "));
  EXPECT_EQ(client.read().body, "second");
  EXPECT_EQ(client.read().status, 404);
  EXPECT_EQ(client.read().body, "fourth");
}

TEST_F(Http, TakesABodyInChunks) {
  client.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const char* part :
       {"5;name=value\r\nHello\r\n", "2\r\n, ", "\r\n6\r\nworld!\r\n0\r\nTrailer: x\r\n\r\n"}) {
    client.send(part);
  }
  EXPECT_EQ(client.read().body, "Hello, world!");
  EXPECT_EQ(client.get("/").status, 200);
}

TEST_F(Http, SendsTheHeadOfAGetToAHead) {
  const Answer get = client.get("/large?bytes=12345");
  const Answer head = client.request("HEAD", "/large?bytes=12345");
  EXPECT_EQ(head.field("Content-Length"), "12345");
  EXPECT_EQ(head.field("Content-Type"), get.field("Content-Type"));
  EXPECT_EQ(client.get("/").status, 200);  // no body was sent in between
}

TEST_F(Http, SendsALargeAnswerWhole) {
  EXPECT_EQ(client.get("/large?bytes=20000000").body, std::string(20'000'000, 'x'));
}

TEST_F(Http, AsksForABodyThatWaitsToBeAskedFor) {
  client.send(
      "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read().status, 100);
  client.send("Hello");
  EXPECT_EQ(client.read().body, "Hello");
}

TEST_F(Http, RefusesAnExpectedBodyWithoutAskingForIt) {
  client.send(
      "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read().status, 413);
}

TEST_F(Http, GoesOnAfterABodyThatNobodyRead) {
  EXPECT_EQ(client.request("POST", "/unread", "some body").status, 200);
  EXPECT_EQ(client.get("/").status, 200);
}

TEST_F(Http, NamesWhatAPathAllows) {
  const Answer answer = client.request("DELETE", "/echo");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.field("Allow"), "POST");
}

TEST_F(Http, AnswersAClientThatHasSaidItAll) {
  client.send("GET /slow?ms=50 HTTP/1.1\r\nHost: t\r\n\r\n");
  client.half_close();
  EXPECT_EQ(client.read().status, 200);
  EXPECT_TRUE(client.is_closed_silently());
  EXPECT_EQ(server.count_lines("is cancelled"), 0U);
}

TEST_F(Http, CancelsAGetWhoseClientIsGone) {
  client.send("GET /slow?ms=60000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("GET /slow?ms=60000 begins");
  client.reset();
  server.wait_for_line("GET /slow?ms=60000 is cancelled");
}

TEST_F(Http, CarriesOutAPostWhoseClientIsGone) {
  client.send("POST /slow?ms=300 HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
  server.wait_for_line("POST /slow?ms=300 begins");
  client.reset();
  server.wait_for_line("POST /slow?ms=300 ends");
}

TEST_F(Http, AnswersOthersWhileAHandlerWaits) {
  client.send("GET /slow?ms=60000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  EXPECT_EQ(server.get("/").status, 200);
}

TEST_F(Http, SurvivesWhateverAHandlerThrows) {
  const std::string pid = client.get("/").body;
  for (const char* path : {"/throw/standard", "/throw/number", "/throw/text",
                           "/throw-later/standard", "/throw-later/number", "/throw-later/text"}) {
    const Answer answer = client.get(path);
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_EQ(answer.body, R"({"error":"internal server error"})") << path;
  }
  EXPECT_EQ(client.get("/").body, pid);
}

TEST_F(Http, LogsAnEscapedExceptionInOneLine) {
  EXPECT_EQ(client.get("/throw/standard").status, 500);
  const std::string line = server.wait_for_line("/throw/:what");
  EXPECT_NE(line.find("the reason is\\x0ain the log"), std::string::npos) << line;
  EXPECT_NE(line.find("request "), std::string::npos) << line;
  EXPECT_EQ(client.get("/").status, 200);
  EXPECT_EQ(server.count_lines("the reason is"), 1U);
}

TEST_F(Http, AnswersAnHttpErrorWithItsStatus) {
  const Answer answer = client.get("/throw/teapot");
  EXPECT_EQ(answer.status, 418);
  EXPECT_EQ(answer.body, R"({"error":"a teapot"})");
  EXPECT_EQ(answer.field("Content-Type"), "application/json");
}
