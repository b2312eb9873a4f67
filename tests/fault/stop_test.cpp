#include <gtest/gtest.h>

#include <csignal>
#include <optional>

#include "support/load.hpp"
#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

// With what is in flight finished, no family left and no error.
void expect_clean_end(Process& server) {
  const brigade::ExitStatus status = server.wait();
  EXPECT_EQ(status.code, 0) << server.err();
  EXPECT_EQ(status.signal, 0) << server.err();
  EXPECT_TRUE(eventually([&] { return server.reap_orphans(); }));
}

struct Stop : testing::TestWithParam<int> {};

}  // namespace

TEST_P(Stop, FinishesWhatIsInFlightAndExitsWithZero) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  std::optional<Client> client = server.connect();
  client->send("GET /slow?ms=400 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  server.signal(GetParam());
  const Answer answer = client->read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.closes());
  client.reset();  // or the server waits for it to close its end
  expect_clean_end(server);
}

TEST_P(Stop, ThatComesTwiceDoesNotWait) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  Client client = server.connect();
  client.send("GET /slow?ms=600000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  server.signal(GetParam());
  server.wait_for_line("stopping: ");
  // Two within a few milliseconds count as one, so it is sent until it is heard, and not after that: a
  // process that is on its way out would be killed by it.
  ASSERT_TRUE(eventually([&] {
    server.signal(GetParam());
    return eventually([&] { return server.count_lines("stopping at once") > 0; },
                      std::chrono::seconds(1));
  }));
  EXPECT_EQ(server.wait().code, 128 + GetParam());
  EXPECT_TRUE(eventually([&] { return server.reap_orphans(); }));
}

INSTANTIATE_TEST_SUITE_P(By, Stop, testing::Values(SIGTERM, SIGINT), [](const auto& info) {
  return info.param == SIGTERM ? "Sigterm" : "Sigint";
});

TEST(StopUnderLoad, FailsNothingButNewConnections) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  Load load(server.port());
  ASSERT_TRUE(load.goes_on());
  server.signal(SIGTERM);
  expect_clean_end(server);
  const LoadResult result = load.stop();
  // The last ones may be in the queue of the socket when it closes: those are reset, unanswered.
  for (const Failure& failure : result.failures) {
    EXPECT_TRUE(failure.kind == ClientError::Kind::refused || failure.worker == 0) << result.text();
    EXPECT_NE(failure.kind, ClientError::Kind::broken_off) << result.text();
  }
}

TEST(StopWithADeadline, CutsWhatDoesNotFinish) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1", "--drain-seconds", "0.3"}});
  Client client = server.connect();
  client.send("GET /slow?ms=600000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  server.signal(SIGTERM);
  EXPECT_ANY_THROW(client.read());
  expect_clean_end(server);
  EXPECT_EQ(server.count_lines("are cut"), 1U);
}

TEST(StopWithADeadline, KillsAWorkerWhoseLoopIsBlocked) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1", "--drain-seconds", "0.1"}});
  Client client = server.connect();
  client.send("GET /block?ms=600000 HTTP/1.1\r\nHost: t\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return look_up(server.first_workers()[0])->state == 'S'; }));
  server.signal(SIGTERM);
  expect_clean_end(server);
}

TEST(StopOfOneProcess, FinishesWhatIsInFlight) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "0"}});
  std::optional<Client> client = server.connect();
  client->send("GET /slow?ms=400 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  server.signal(SIGTERM);
  EXPECT_EQ(client->read().status, 200);
  client.reset();
  expect_clean_end(server);
}

TEST(StopOfOneProcess, ThatComesTwiceDoesNotWait) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "0"}});
  Client client = server.connect();
  client.send("GET /slow?ms=600000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  server.signal(SIGTERM);
  // It may take both for one, so it is sent until it is heard.
  ASSERT_TRUE(eventually([&] {
    server.signal(SIGTERM);
    return !server.running();
  }));
  EXPECT_EQ(server.wait().code, 128 + SIGTERM);
}

TEST(StopOfOneProcess, EndsOneWhoseLoopIsBlocked) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "0"}});
  Client client = server.connect();
  client.send("GET /block?ms=600000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  ASSERT_TRUE(eventually([&] {
    server.signal(SIGINT);
    return !server.running();
  }));
  EXPECT_EQ(server.wait().code, 128 + SIGINT);
}

TEST(StopOfOneProcess, IsNotWhatAHangupMeans) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "0"}});
  server.signal(SIGHUP);
  server.wait_for_line("SIGHUP is ignored");
  EXPECT_EQ(server.get("/").status, 200);
}

namespace {

// What the log has said when the stop comes.
struct StopDuringAReload : testing::TestWithParam<const char*> {};

}  // namespace

TEST_P(StopDuringAReload, LeavesNobodyBehind) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2", "--test-start-ms=100"}});
  Client idle = server.connect();
  EXPECT_EQ(idle.get("/").status, 200);
  server.signal(SIGHUP);
  const std::string moment = GetParam();
  if (moment == "Begun") server.wait_for_line("reload: generation 2");
  if (moment == "SuccessorStarts") {
    ASSERT_TRUE(eventually([&] { return server.children().size() == 3; }));
  }
  if (moment == "FirstPredecessorGone") {
    ASSERT_TRUE(eventually([&] { return !is_alive(server.first_workers()[0]); }));
  }
  if (moment == "Finished") server.wait_for_line("reload finished");
  server.signal(SIGTERM);
  expect_clean_end(server);
}

INSTANTIATE_TEST_SUITE_P(At, StopDuringAReload,
                         testing::Values("Once", "Begun", "SuccessorStarts", "FirstPredecessorGone",
                                         "Finished"),
                         [](const auto& info) { return std::string(info.param); });

TEST(StopDuringTheStart, LeavesNobodyBehind) {
  Process server({TEST_SERVER_PROGRAM, {"--port", "0", "--workers", "2", "--test-start-ms=300"}});
  ASSERT_TRUE(eventually([&] { return server.children().size() == 2; }));
  server.signal(SIGTERM);
  expect_clean_end(server);
}

TEST(StopOfAWorker, ByItsOwnSigtermDrainsItAndItIsReplaced) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  Client client = server.connect();
  client.send("GET /slow?ms=300 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  ::kill(server.first_workers()[0], SIGTERM);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(server.get("/").status, 200);
  EXPECT_NE(server.children(), server.first_workers());
}

TEST(StopOfAWorker, IsNotDoneByTheTerminalsSigint) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  ::kill(server.first_workers()[0], SIGINT);
  EXPECT_EQ(server.get("/").status, 200);
  EXPECT_EQ(server.children(), server.first_workers());
}
