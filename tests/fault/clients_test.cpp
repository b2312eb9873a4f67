#include <gtest/gtest.h>

#include <thread>
#include <utility>

#include "support/memory.hpp"
#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

int open_connections(const ServerProcess& server) {
  return server.stats().at("totals").at("connections").at("open").to_number<int>();
}

}  // namespace

TEST(Clients, ThatResetInMidAnswerHurtNobody) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  for (int count = 0; count < 200; ++count) {
    Client client(server.port(), 4096);
    client.send("GET /large?bytes=1000000 HTTP/1.1\r\nHost: t\r\n\r\n");
    client.reset();
  }
  EXPECT_EQ(server.get("/").status, 200);
  EXPECT_EQ(server.children(), server.first_workers());
  EXPECT_TRUE(eventually([&] { return open_connections(server) == 1; }));
}

TEST(Clients, ThatResetInMidRequestHurtNobody) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  for (int count = 0; count < 50; ++count) {
    for (const char* part :
         {"GET / HT", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nHello",
          "GET /slow?ms=60000 HTTP/1.1\r\nHost: t\r\n\r\n"}) {
      Client client = server.connect();
      client.send(part);
      client.reset();
    }
  }
  EXPECT_EQ(server.children(), server.first_workers());
  EXPECT_TRUE(eventually([&] { return open_connections(server) == 1; }));
}

TEST(Clients, ThatDripTheirRequestsKeepNobodyWaiting) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1", "--test-header-ms=1000"}});
  std::vector<Client> slow;
  for (int count = 0; count < 300; ++count) {
    slow.push_back(server.connect());
    slow.back().send("GET / HTTP/1.1\r\nHost: t\r\nX-Slow: ");
  }
  EXPECT_EQ(server.get("/").status, 200);
  // Each of them drips on, and is closed all the same.
  EXPECT_TRUE(eventually([&] {
    for (Client& client : slow) {
      try {
        client.send("x");
      } catch (const ClientError&) {
      }
    }
    return open_connections(server) == 1;
  }));
}

TEST(Clients, ThatAreIdleCostLittle) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  const pid_t worker = server.first_workers()[0];
  std::vector<Client> idle;
  const auto open = [&](int count) {
    for (int index = 0; index < count; ++index) {
      idle.push_back(server.connect());
      EXPECT_EQ(idle.back().get("/").status, 200);
    }
  };
  open(100);  // what is made once is made now
  const long before = resident_kib(worker);
  open(600);
  EXPECT_LT(resident_kib(worker) - before, 600 * 8 + sanitizers_share_kib)
      << "KiB for 600 connections";
}

TEST(Clients, ThatAreIdleWakeNobody) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  std::vector<Client> idle;
  for (int count = 0; count < 300; ++count) {
    idle.push_back(server.connect());
    EXPECT_EQ(idle.back().get("/").status, 200);
  }
  const auto turns = [&] {
    return server.stats().at("workers").at(0).at("loop").at("turns").to_number<long>();
  };
  const long before = turns();
  // Nothing is waited for: that nothing happens takes a while to see.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_LT(turns() - before, 100);
}

TEST(Clients, ThatAskWithoutEndAndReadNothingCostLittle) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  const pid_t worker = server.first_workers()[0];
  EXPECT_EQ(server.get("/large?bytes=2000").status, 200);
  const long before = resident_kib(worker);
  Client greedy(server.port(), 4096);
  std::string requests;
  for (int count = 0; count < 20'000; ++count) {
    requests += "GET /large?bytes=2000 HTTP/1.1\r\nHost: t\r\n\r\n";
  }
  greedy.send_some(requests);
  const auto answered = [&] {
    return server.stats().at("totals").at("requests").to_number<long>();
  };
  long last = answered();
  // Until the server answers nobody but us: it waits for the other one to read.
  EXPECT_TRUE(eventually([&] {
    const long now = answered();
    return now == std::exchange(last, now) + 1;
  }));
  EXPECT_LT(resident_kib(worker) - before, 4096 + sanitizers_share_kib)
      << "KiB, for 40 MB of answers";
  EXPECT_EQ(server.get("/").status, 200);
  greedy.reset();
}
