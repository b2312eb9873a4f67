#include <gtest/gtest.h>

#include <fmt/format.h>

#include <csignal>

#include "support/server.hpp"

using namespace brigade::testing_support;

TEST(StoppedWorker, LeavesAllNewConnectionsToTheOthers) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  const pid_t stopped = server.first_workers()[0];
  ::kill(stopped, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return look_up(stopped)->state == 'T'; }));
  const std::string other = fmt::format("pid {}", server.first_workers()[1]);
  for (int count = 0; count < 30; ++count) EXPECT_EQ(server.get("/").body, other);
}

TEST(StoppedWorker, ShowsInTheFigures) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  const pid_t stopped = server.first_workers()[0];
  ::kill(stopped, SIGSTOP);
  // Until it has stopped it may still take a connection, and keep it unanswered.
  ASSERT_TRUE(eventually([&] { return look_up(stopped)->state == 'T'; }));
  EXPECT_TRUE(
      eventually([&] { return server.stats().at("workers").at(0).at("stopped").as_bool(); }));
  ::kill(stopped, SIGCONT);
  EXPECT_TRUE(
      eventually([&] { return !server.stats().at("workers").at(0).at("stopped").as_bool(); }));
}

TEST(StoppedWorker, ServesAgainWhenItGoesOn) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  const pid_t stopped = server.first_workers()[0];
  ::kill(stopped, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return look_up(stopped)->state == 'T'; }));
  EXPECT_EQ(server.get("/").status, 200);
  ::kill(stopped, SIGCONT);
  // Connections that stay, so that it is its turn.
  std::vector<Client> clients;
  EXPECT_TRUE(eventually([&] {
    clients.push_back(server.connect());
    return clients.back().get("/").body == fmt::format("pid {}", stopped);
  }));
}

TEST(StoppedWorker, AnswersWhatItHadWhenItGoesOn) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  Client client = server.connect();
  EXPECT_EQ(client.get("/").status, 200);
  ::kill(server.first_workers()[0], SIGSTOP);
  client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  ::kill(server.first_workers()[0], SIGCONT);
  EXPECT_EQ(client.read().status, 200);
}

TEST(StoppedWorker, IsKilledWhenTheDrainsDeadlineHasPassed) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2", "--drain-seconds", "0.1"}});
  ::kill(server.first_workers()[0], SIGSTOP);
  EXPECT_EQ(server.stop().code, 0);
  EXPECT_TRUE(server.family().empty());
}

TEST(BlockedWorker, LeavesNewConnectionsToTheOthers) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  Client busy = server.connect();
  const std::string pid = busy.get("/").body;
  busy.send("GET /block?ms=1000 HTTP/1.1\r\nHost: t\r\n\r\n");
  for (int count = 0; count < 30; ++count) EXPECT_EQ(server.get("/").status, 200);
  EXPECT_EQ(busy.read().body, pid);
}
