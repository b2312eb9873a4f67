#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

// Timeouts are short, so that the test is; that they fire at all is waited for patiently.
struct HttpLimits : testing::Test {
  ServerProcess server{{TEST_SERVER_PROGRAM,
                        {"--workers", "1", "--test-header-ms=300", "--test-body-ms=300",
                         "--test-idle-ms=300", "--test-write-ms=300"}}};
  Client client{server.port()};

  // A byte at a time until the server has enough of it.
  std::string drip(std::string_view head, char byte) {
    client.send(head);
    const Deadline deadline;
    try {
      while (!deadline.passed()) {
        client.send(std::string(1, byte));
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    } catch (const ClientError&) {
      return "reset";  // still being sent when the server had lingered long enough
    }
    return "endless";
  }
};

struct HttpRefuses : testing::Test {
  ServerProcess server{{TEST_SERVER_PROGRAM, {"--workers", "1"}}};
  Client client{server.port()};
};

}  // namespace

TEST_F(HttpLimits, EndsAHeadThatComesTooSlowly) {
  client.send("GET / HTTP/1.1\r\nHost: t\r\nX-Slow: ");
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 408);
  EXPECT_TRUE(answer.closes());
}

TEST_F(HttpLimits, EndsAHeadThatDripsForEver) {
  EXPECT_EQ(drip("GET / HTTP/1.1\r\nHost: t\r\nX-Slow: ", 'x'), "reset");
}

TEST_F(HttpLimits, EndsABodyThatComesTooSlowly) {
  client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nHello");
  EXPECT_EQ(client.read().status, 408);
}

TEST_F(HttpLimits, EndsABodyThatDripsForEver) {
  EXPECT_EQ(drip("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n", 'x'), "reset");
}

TEST_F(HttpLimits, ClosesAnIdleConnectionWithoutAWord) {
  EXPECT_EQ(client.get("/").status, 200);
  EXPECT_TRUE(client.is_closed_silently());
}

TEST_F(HttpLimits, EndsAConnectionThatNeverAsks) {
  EXPECT_NO_THROW(client.read_to_end());
}

TEST_F(HttpLimits, GivesUpAClientThatDoesNotTakeItsAnswer) {
  Client slow(server.port(), 4096);
  slow.send("GET /large?bytes=30000000 HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_TRUE(eventually([&] {
    return server.stats().at("totals").at("connections").at("open").to_number<int>() <= 1;
  }));
}

TEST_F(HttpLimits, CancelsAHandlerAtItsRoutesDeadline) {
  const Answer late = client.get("/limited?ms=60000");
  EXPECT_EQ(late.status, 503);
  server.wait_for_line("GET /limited?ms=60000 is cancelled");
  EXPECT_EQ(client.get("/limited?ms=1").status, 200) << "and the connection goes on";
  EXPECT_EQ(client.get("/slow?ms=200").status, 200) << "without the deadline of the route before";
}

TEST_F(HttpLimits, CountsTheBodyIntoAHandlersDeadline) {
  client.send("POST /limited HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nHello");
  EXPECT_EQ(client.read().status, 503);
}

TEST(Overload, RefusesWhatIsMoreThanMayBeInFlight) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1", "--test-in-flight=2"}});
  std::vector<Client> waiting;
  for (int count = 0; count < 2; ++count) {
    waiting.push_back(server.connect());
    waiting.back().send("GET /slow?ms=60000 HTTP/1.1\r\nHost: t\r\n\r\n");
  }
  EXPECT_TRUE(eventually([&] {
    return server.stats().at("totals").at("in_flight").to_number<int>() == 2;
  })) << "the figures are always served";
  Client client = server.connect();
  const Answer refused = client.request("POST", "/echo", "a body that is read over");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("Retry-After"), "1");
  EXPECT_FALSE(refused.closes());
  for (Client& gone : waiting) gone.reset();
  EXPECT_TRUE(eventually([&] { return client.get("/").status == 200; }));
}

TEST(Overload, RefusesWhatHasWaitedTooLong) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1", "--test-queue-age-ms=50"}});
  Client client = server.connect();
  std::string requests;
  for (int count = 0; count < 40; ++count) {
    requests += "GET /block?ms=10 HTTP/1.1\r\nHost: t\r\n\r\n";
  }
  client.send(requests);
  int served = 0;
  for (int count = 0; count < 40; ++count) {
    const Answer answer = client.read();
    if (answer.status == 200) ++served;
    EXPECT_TRUE(answer.status == 200 || answer.field("Retry-After") == "1") << answer.status;
  }
  EXPECT_GT(served, 0);
  EXPECT_LT(served, 40);
  EXPECT_EQ(client.get("/").status, 200);
}

TEST_F(HttpRefuses, ATargetThatIsTooLong) {
  client.send("GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: t\r\n\r\n");
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 414);
  EXPECT_TRUE(answer.closes());
  EXPECT_TRUE(client.is_closed_silently());
}

TEST_F(HttpRefuses, FieldsThatAreTooLong) {
  client.send("GET / HTTP/1.1\r\nHost: t\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(client.read().status, 431);
}

TEST_F(HttpRefuses, TooManyFields) {
  std::string head = "GET / HTTP/1.1\r\nHost: t\r\n";
  for (int count = 0; count < 150; ++count) head += fmt::format("X-{}: y\r\n", count);
  client.send(head + "\r\n");
  EXPECT_EQ(client.read().status, 431);
}

TEST_F(HttpRefuses, WhatIsNoHttp) {
  client.send("\x16\x03\x01 this is no request\r\n\r\n");
  EXPECT_EQ(client.read().status, 400);
}

TEST_F(HttpRefuses, ABodyThatIsTooLongAndReadsOnSoThatTheAnswerArrives) {
  constexpr std::size_t size = 5'000'000;
  client.send(fmt::format("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n", size));
  client.send(std::string(size, 'x'));
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, R"({"error":"the request's body is too long"})");
}

TEST_F(HttpRefuses, ChunksThatAreTooLongTogether) {
  client.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  for (int count = 0; count < 40; ++count) client.send(chunk);
  EXPECT_EQ(client.read().status, 413);
}

TEST_F(HttpRefuses, ABodyThatIsLongerThanItsRouteTakes) {
  EXPECT_EQ(client.request("POST", "/short", "0123456789").body, "0123456789");
  EXPECT_EQ(server.connect().request("POST", "/short", "0123456789x").status, 413);
  EXPECT_EQ(client.request("POST", "/echo", "0123456789x").body, "0123456789x");
}

TEST_F(HttpRefuses, NobodyElseForIt) {
  client.send("BAD\r\n\r\n");
  EXPECT_EQ(client.read().status, 400);
  EXPECT_EQ(server.get("/").status, 200);
}
