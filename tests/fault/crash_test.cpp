#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <set>

#include "support/load.hpp"
#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

std::uint64_t total_requests(const ServerProcess& server) {
  return server.stats().at("totals").at("requests").to_number<std::uint64_t>();
}

std::int64_t restarts(const ServerProcess& server) {
  return server.stats().at("totals").at("restarts").to_number<std::int64_t>();
}

// All positions are filled by workers that listen, and none of them is one of `dead`.
bool is_whole_without(const ServerProcess& server, const std::set<pid_t>& dead, std::size_t count) {
  const auto stats = server.stats();
  const auto& workers = stats.at("workers").as_array();
  return workers.size() == count &&
         std::all_of(workers.begin(), workers.end(), [&](const auto& worker) {
           return worker.at("state") == "listening" &&
                  !dead.contains(worker.at("pid").template to_number<pid_t>());
         });
}

}  // namespace

TEST(Crash, KilledWorkersTakeNoMoreThanTheirOwnRequestsWithThem) {
  constexpr std::size_t workers = 3;
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", std::to_string(workers)}});
  Load load(server.port(), {.keep_alive = 4, .per_connection = 2});
  std::set<pid_t> killed;
  std::mt19937 random(42);
  constexpr int kills = 6;
  for (int kill = 0; kill < kills; ++kill) {
    ASSERT_TRUE(load.goes_on(200));
    const std::uint64_t counted = total_requests(server);
    const std::vector<pid_t> alive = server.children();
    ASSERT_FALSE(alive.empty());
    const pid_t victim = alive[random() % alive.size()];
    killed.insert(victim);
    ::kill(victim, SIGKILL);
    ASSERT_TRUE(eventually([&] { return is_whole_without(server, killed, workers); }));
    EXPECT_GT(total_requests(server), counted);
  }
  ASSERT_TRUE(load.goes_on(200));
  const LoadResult result = load.stop();
  EXPECT_EQ(result.other_status, 0U) << result.text();
  // No client has more than one request in flight, so no kill can cost it more than one.
  EXPECT_LE(result.failures.size(), kills * 6U) << result.text();
  for (const Failure& failure : result.failures) {
    EXPECT_NE(failure.kind, ClientError::Kind::refused) << failure.what;
    EXPECT_NE(failure.kind, ClientError::Kind::timed_out) << failure.what;
    EXPECT_TRUE(failure.worker == 0 || killed.contains(failure.worker))
        << "worker " << failure.worker << " was not killed: " << failure.what;
  }
  EXPECT_GE(total_requests(server), result.answered);
  EXPECT_EQ(restarts(server), kills);
  EXPECT_EQ(server.count_zombies(), 0U);
}

TEST(Crash, AllWorkersAtOnceAreReplacedAndNobodyIsRefused) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "4"}});
  const std::size_t descriptors = count_descriptors(server.pid());
  for (const pid_t worker : server.first_workers()) ::kill(worker, SIGKILL);
  for (int count = 0; count < 20; ++count) EXPECT_EQ(server.get("/").status, 200);
  const std::set<pid_t> killed(server.first_workers().begin(), server.first_workers().end());
  EXPECT_TRUE(eventually([&] { return is_whole_without(server, killed, 4); }));
  EXPECT_EQ(server.count_zombies(), 0U);
  EXPECT_TRUE(eventually([&] { return count_descriptors(server.pid()) == descriptors; }))
      << count_descriptors(server.pid()) << " after " << descriptors;
}

TEST(Crash, TheReasonIsLogged) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  EXPECT_THROW(server.get(fmt::format("/raise?signal={}", SIGSEGV)), ClientError);
  server.wait_for_line("was killed by SIGSEGV");
  EXPECT_THROW(server.get("/exit?code=7"), ClientError);
  server.wait_for_line("exited with code 7");
  EXPECT_EQ(server.get("/").status, 200);
}

TEST(Crash, AnExitWithZeroThatNobodyAskedForIsOneToo) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  EXPECT_THROW(server.get("/exit?code=0"), ClientError);
  server.wait_for_line("exited with code 0");
  EXPECT_EQ(server.get("/").status, 200);
}

TEST(Crash, AWorkerThatHasServedForASecondIsReplacedAtOnce) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  ASSERT_TRUE(eventually(
      [&] { return server.stats().at("workers").at(0).at("uptime_ms").to_number<int>() > 1500; }));
  ::kill(server.first_workers()[0], SIGKILL);
  EXPECT_EQ(server.get("/").status, 200);
  EXPECT_EQ(server.count_lines("is unstable"), 0U);
}

TEST(Crash, OneThatComesAtOnceBacksOff) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  ::kill(server.first_workers()[0], SIGKILL);
  server.wait_for_line("is unstable (1 deaths in a row)");
  EXPECT_EQ(server.get("/").status, 200);
}

TEST(Crash, TheLastLinesOfStandardErrorAreToldEscapedWithTheReason) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  EXPECT_THROW(server.get("/complain?code=9"), ClientError);
  const std::string line = server.wait_for_line("exited with code 9");
  EXPECT_NE(line.find(R"(; last on its standard error: "an \x1b[31mugly line" "and an end")"),
            std::string::npos)
      << line;
  server.wait_for_line("an \x1b[31mugly line");  // as it was written, on the way
}

TEST(Crash, AKillByAStrangerIsNotPutDownToTheKernel) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  ::kill(server.first_workers()[0], SIGKILL);
  const std::string line = server.wait_for_line("was killed by SIGKILL");
  EXPECT_EQ(line.find("out of memory"), std::string::npos) << line;
}

TEST(Crash, APrimaryThatIsStoppedHoldsUpNoWorkerThatComplains) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  server.signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return look_up(server.pid())->state == 'T'; }));
  EXPECT_EQ(server.get("/complain?bytes=2000000").status, 200);
  server.signal(SIGCONT);
  EXPECT_EQ(server.get("/").status, 200);
}
