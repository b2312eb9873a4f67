// Workers that stand still, and primaries that must not think so.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <csignal>
#include <fstream>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

Program with_limit(const char* seconds, const char* workers = "2") {
  return {TEST_SERVER_PROGRAM, {"--workers", workers, "--hang-seconds", seconds}};
}

void expect_in(const std::string& line, std::string_view part) {
  EXPECT_NE(line.find(part), std::string::npos) << "no \"" << part << "\" in " << line;
}

std::uint64_t wakeups(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  const std::string name = "voluntary_ctxt_switches:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size()));
  }
  return 0;
}

}  // namespace

TEST(Hang, ABlockedLoopIsReportedWithRouteAndStackAndReplaced) {
  ServerProcess server(with_limit("1"));
  Client client = server.connect();
  client.send("GET /block?ms=600000 HTTP/1.1\r\nHost: t\r\n\r\n");
  const std::string stall = server.wait_for_line("has stood still for");
  expect_in(stall, "its loop is blocked in task \"/block\"; stack: ");
  expect_in(stall, "add_slow_routes(brigade::App&)");
  expect_in(server.wait_for_line("as it hung"), "was killed by SIGKILL, as it hung: for ");
  EXPECT_EQ(server.get("/").status, 200);
  EXPECT_TRUE(eventually([&] { return server.children().size() == 2; }));
}

TEST(Hang, ASpinningLoopIsToo) {
  ServerProcess server(with_limit("0.5"));
  Client client = server.connect();
  client.send("GET /spin?ms=600000 HTTP/1.1\r\nHost: t\r\n\r\n");
  const std::string line = server.wait_for_line("as it hung");
  expect_in(line, "its loop spins in task \"/spin\"; stack: ");
  EXPECT_EQ(server.get("/").status, 200);
}

TEST(Hang, AStoppedWorkerIsKilledThoughItWasIdle) {
  ServerProcess server(with_limit("0.5"));
  const pid_t stopped = server.first_workers()[0];
  ::kill(stopped, SIGSTOP);
  expect_in(server.wait_for_line("as it hung"), "it is stopped by a signal");
  EXPECT_TRUE(eventually([&] { return !is_alive(stopped) && server.children().size() == 2; }));
}

TEST(Hang, AStallBelowTheLimitIsOnlyReported) {
  ServerProcess server(with_limit("60"));
  Client client = server.connect();
  client.send("GET /block?ms=3000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("has stood still for");
  EXPECT_EQ(server.get("/").status, 200);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(server.count_lines("as it hung"), 0U);
}

TEST(Hang, IsNotSeenInWhatHappenedWhileThePrimaryWasStopped) {
  ServerProcess server(with_limit("2", "1"));
  Client client = server.connect();
  EXPECT_EQ(client.get("/").status, 200);
  client.send("GET /block?ms=3000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("blocking begins");
  server.signal(SIGSTOP);
  EXPECT_EQ(client.read().status, 200);
  server.signal(SIGCONT);
  EXPECT_EQ(server.get("/").body, fmt::format("pid {}", server.first_workers()[0]));
}

TEST(Hang, IsLookedForByNobodyWhileTheClusterIsIdle) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  EXPECT_EQ(server.get("/").status, 200);
  const auto all = [&] {
    std::uint64_t sum = wakeups(server.pid());
    for (const pid_t worker : server.first_workers()) sum += wakeups(worker);
    return sum;
  };
  // Once the last look at the last worker is over, a quiet second has no wake-up in it.
  std::uint64_t before = 0;
  EXPECT_TRUE(eventually([&] {
    before = all();
    std::this_thread::sleep_for(std::chrono::seconds(2));
    return all() == before;
  }));
  // And one that is asked after that is looked after again.
  Client client = server.connect();
  client.send("GET /block?ms=3000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("has stood still for");
}

TEST(Limits, AWorkerThatLeaksIsReplacedAndNoRequestFails) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}, {{"BRIGADE_MAX_MEMORY", "64M"}}});
  EXPECT_EQ(server.get("/leak?mb=80").status, 200);
  const std::string first = fmt::format("pid {}", server.first_workers()[0]);
  EXPECT_TRUE(eventually([&] { return server.get("/").body != first; }));
  expect_in(server.wait_for_line("is to be replaced"), "MB of memory");
}

TEST(Limits, OneThatAFreshWorkerPassesIsWarnedOfAndMakesNoneGoAtOnce) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}, {{"BRIGADE_MAX_MEMORY", "64k"}}});
  EXPECT_EQ(server.get("/").status, 200);
  server.wait_for_line("raise --max-memory");
  EXPECT_EQ(server.count_lines("is to be replaced"), 0U);
}

TEST(Limits, AWorkerWithItsRequestsIsReplaced) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}, {{"BRIGADE_MAX_REQUESTS", "5"}}});
  const std::string first = fmt::format("pid {}", server.first_workers()[0]);
  EXPECT_TRUE(eventually([&] { return server.get("/").body != first; }));
  expect_in(server.wait_for_line("is to be replaced"), "requests");
}

TEST(Limits, AnOldWorkerIsReplaced) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}, {{"BRIGADE_MAX_AGE", "1"}}});
  const std::string first = fmt::format("pid {}", server.first_workers()[0]);
  EXPECT_TRUE(eventually([&] { return server.get("/").body != first; }));
  expect_in(server.wait_for_line("is to be replaced"), "s old");
}

TEST(OutOfMemory, TakesAWorkerBeforeItsPrimary) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  const auto score = [](pid_t pid) {
    int value = 0;
    std::ifstream(fmt::format("/proc/{}/oom_score_adj", pid)) >> value;
    return value;
  };
  EXPECT_GT(score(server.first_workers()[0]), score(server.pid()));
}
