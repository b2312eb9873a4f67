#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "support/load.hpp"
#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

void reload(const ServerProcess& server, std::size_t nth) {
  server.signal(SIGHUP);
  server.wait_for_lines("reload finished", nth);
}

bool share_a_pid(const std::vector<pid_t>& a, const std::vector<pid_t>& b) {
  return std::any_of(a.begin(), a.end(),
                     [&](pid_t each) { return std::find(b.begin(), b.end(), each) != b.end(); });
}

}  // namespace

TEST(Reload, FiveUnderLoadFailNoRequest) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  Load load(server.port(), {.keep_alive = 3, .per_connection = 2});
  for (std::size_t nth = 1; nth <= 5; ++nth) {
    ASSERT_TRUE(load.goes_on());
    reload(server, nth);
  }
  ASSERT_TRUE(load.goes_on());
  const LoadResult result = load.stop();
  EXPECT_TRUE(result.failures.empty()) << result.text();
  EXPECT_EQ(result.other_status, 0U) << result.text();
  EXPECT_GT(result.announced_closes, 0U) << "no client noticed anything: was there a reload?";
  EXPECT_FALSE(share_a_pid(server.first_workers(), server.children()));
  EXPECT_EQ(server.children().size(), 2U);
  const auto stats = server.stats();
  EXPECT_EQ(stats.at("primary").at("generation"), 6);
  EXPECT_GE(stats.at("totals").at("requests").to_number<std::uint64_t>(), result.answered);
}

TEST(Reload, FinishesWhatIsInFlight) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  Client client = server.connect();
  client.send("GET /slow?ms=500 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  reload(server, 1);
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.closes());
}

TEST(Reload, AnswersARequestThatCrossesItOnAnIdleConnection) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  Client client = server.connect();
  const std::string before = client.get("/").body;
  server.signal(SIGHUP);
  ASSERT_TRUE(eventually([&] {
    const auto all = server.stats();
    return std::any_of(all.at("workers").as_array().begin(), all.at("workers").as_array().end(),
                       [](const auto& worker) { return worker.at("state") == "draining"; });
  }));
  const Answer answer = client.get("/");
  EXPECT_EQ(answer.body, before);
  EXPECT_TRUE(answer.closes());
}

TEST(Reload, TakesTheProgramThatIsNowAtThePath) {
  const TemporaryFolder folder;
  const std::string program = folder.file("program");
  std::filesystem::copy_file(TEST_SERVER_PROGRAM, program);
  ServerProcess server({program, {"--workers", "1"}});
  EXPECT_EQ(server.get("/stats").status, 200);
  // As a deploy does it: a new file, renamed over the old one.
  std::filesystem::copy_file(HELLO_PROGRAM, folder.file("new"));
  std::filesystem::rename(folder.file("new"), program);
  EXPECT_EQ(server.get("/").body.substr(0, 4), "pid ");
  reload(server, 1);
  EXPECT_EQ(server.get("/").body, "Hello, World!");
}

TEST(Reload, ReplacesACrashedWorkerByItsOwnGenerationsProgram) {
  const TemporaryFolder folder;
  const std::string program = folder.file("program");
  std::filesystem::copy_file(TEST_SERVER_PROGRAM, program);
  ServerProcess server({program, {"--workers", "1"}});
  std::filesystem::copy_file(HELLO_PROGRAM, folder.file("new"));
  std::filesystem::rename(folder.file("new"), program);
  ::kill(server.first_workers()[0], SIGKILL);
  EXPECT_EQ(server.get("/").body.substr(0, 4), "pid ");
}

TEST(Reload, IsRefusedWithoutAProgramAndTheOldOneServesOn) {
  const TemporaryFolder folder;
  const std::string program = folder.file("program");
  std::filesystem::copy_file(TEST_SERVER_PROGRAM, program);
  ServerProcess server({program, {"--workers", "1"}});
  std::filesystem::remove(program);
  server.signal(SIGHUP);
  server.wait_for_line("reload refused");
  EXPECT_EQ(server.get("/").status, 200);
  EXPECT_EQ(server.children(), server.first_workers());
}

TEST(Reload, StopsAtAProgramThatCannotStartAndTheOldOneServesOn) {
  const TemporaryFolder folder;
  ServerProcess server(
      {TEST_SERVER_PROGRAM,
       {"--workers", "2", "--test-starts-file=" + folder.file("starts"), "--test-good-starts=2"}});
  Load load(server.port());
  server.signal(SIGHUP);
  server.wait_for_line("exited with code");  // the reason comes first
  server.wait_for_line("reload stopped");
  EXPECT_TRUE(load.goes_on());
  const LoadResult result = load.stop();
  EXPECT_TRUE(result.failures.empty()) << result.text();
  EXPECT_EQ(server.children(), server.first_workers());
}

TEST(Reload, ASecondOneThatIsAskedForMeanwhileFollows) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2", "--test-start-ms=50"}});
  server.signal(SIGHUP);
  server.wait_for_line("reload: generation 2");
  server.signal(SIGHUP);
  server.wait_for_line("reload finished: generation 3");
  EXPECT_EQ(server.children().size(), 2U);
}

TEST(ReloadOnProbation, RollsBackWhenTheFirstNewWorkerDiesAfterItHasListened) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2", "--probation-seconds", "60"}});
  Load load(server.port());
  server.signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return server.children().size() == 3; }));
  std::vector<pid_t> successor;
  for (const pid_t child : server.children()) {
    const auto& old = server.first_workers();
    if (std::find(old.begin(), old.end(), child) == old.end()) successor.push_back(child);
  }
  ASSERT_EQ(successor.size(), 1U);
  ASSERT_TRUE(eventually([&] { return server.stats().at("workers").as_array().size() == 3; }));
  ::kill(successor[0], SIGKILL);
  server.wait_for_line("reload stopped: the new worker at position 0 died before it had proven");
  EXPECT_TRUE(load.goes_on());
  load.stop();
  EXPECT_EQ(server.children(), server.first_workers());
}
