#include <gtest/gtest.h>

#include <fstream>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

std::size_t resident_kib(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

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
  const std::size_t before = resident_kib(worker);
  open(600);
  EXPECT_LT(resident_kib(worker) - before, 600U * 8) << "KiB for 600 connections";
}
