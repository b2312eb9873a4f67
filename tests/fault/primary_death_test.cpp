#include <gtest/gtest.h>

#include <csignal>

#include "support/server.hpp"

using namespace brigade::testing_support;

// What --on-primary-death replace does is in succession_test.cpp.

TEST(PrimaryDeath, WorkersFinishWhatTheyHaveAndLeave) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "3", "--on-primary-death", "drain"}});
  Client client = server.connect();
  client.send("GET /slow?ms=500 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  server.signal(SIGKILL);
  EXPECT_EQ(server.wait().signal, SIGKILL);
  server.wait_for_lines("the primary is gone", 3);
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.closes());
  EXPECT_TRUE(eventually([&] { return server.reap_orphans(); }));
}

TEST(PrimaryDeath, ThePortIsFreeForTheNextOne) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2", "--on-primary-death", "drain"}});
  EXPECT_EQ(server.get("/").status, 200);
  server.signal(SIGKILL);
  server.wait();
  EXPECT_TRUE(eventually([&] { return server.reap_orphans(); }));
  const Process next(
      {TEST_SERVER_PROGRAM,
       {"--workers", "2", "--host", "127.0.0.1", "--port", std::to_string(server.port())}});
  next.wait_for_line("Listening on ");
  EXPECT_EQ(server.get("/").status, 200);
}

TEST(PrimaryDeath, DuringTheStartEndsTheWorkersToo) {
  Process server({TEST_SERVER_PROGRAM, {"--port", "0", "--workers", "2", "--test-start-ms=300"}});
  ASSERT_TRUE(eventually([&] { return server.children().size() == 2; }));
  server.signal(SIGKILL);
  server.wait();
  EXPECT_TRUE(eventually([&] { return server.reap_orphans(); }));
}

TEST(PrimaryDeath, EndsAWorkerThatIsStuckAfterTheDrainsTime) {
  ServerProcess server({TEST_SERVER_PROGRAM,
                        {"--workers", "2", "--drain-seconds", "0", "--on-primary-death", "drain"}});
  Client client = server.connect();
  client.send("GET /block?ms=600000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  server.signal(SIGKILL);
  server.wait();
  EXPECT_TRUE(eventually([&] { return server.reap_orphans(); }));
}

TEST(PrimaryDeath, AStoppedPrimaryKeepsNobodyFromServing) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  server.signal(SIGSTOP);
  for (int count = 0; count < 10; ++count) EXPECT_EQ(server.get("/").status, 200);
  server.signal(SIGCONT);
  EXPECT_EQ(server.stop().code, 0);
}
