// The primary dies, and its workers get a new one.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "support/load.hpp"
#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

/// A server whose primary is killed, and the one that comes then.
class Successions {
 public:
  explicit Successions(std::vector<std::string> arguments)
      : server({TEST_SERVER_PROGRAM, std::move(arguments)}), primary_(server.pid()) {}

  pid_t primary() const { return primary_; }
  void kill_primary() {
    ::kill(primary_, SIGKILL);
    if (primary_ == server.pid()) server.wait();
  }
  /// Waits until the next primary has all workers; returns their pids.
  std::vector<pid_t> wait_for_primary() {
    const std::string line = server.wait_for_lines("Listening on ", ++announcements_);
    std::size_t at = line.find("primary ") + 8;
    primary_ = std::stoi(line.substr(at));
    std::vector<pid_t> out;
    for (at = line.find("workers ") + 8; at != std::string::npos && line[at] != ')';) {
      std::size_t digits = 0;
      out.push_back(std::stoi(line.substr(at), &digits));
      at += digits;
      if (line[at] == ' ') ++at;
    }
    return out;
  }
  std::vector<pid_t> succeed() {
    kill_primary();
    return wait_for_primary();
  }
  bool all_end() {
    return eventually([this] { return server.reap_orphans(); });
  }
  /// The pid that a log line says of the new primary, and that of who wrote it.
  struct Started {
    pid_t primary = 0;
    pid_t by = 0;
  };
  Started wait_for_start(std::size_t count = 1) {
    const std::string line = server.wait_for_lines("has started a new primary", count);
    Started out;
    out.primary = std::stoi(line.substr(line.find("(pid ") + 5));
    out.by = std::stoi(line.substr(line.find(' ')));
    return out;
  }

  ServerProcess server;

 private:
  pid_t primary_;
  std::size_t announcements_ = 1;
};

std::ptrdiff_t count_listening(ServerProcess& server) {
  const auto stats = server.stats();
  const auto& workers = stats.at("workers").as_array();
  return std::count_if(workers.begin(), workers.end(),
                       [](const auto& each) { return each.at("state") == "listening"; });
}

}  // namespace

TEST(Succession, TheWorkersServeOnAndANewPrimaryTakesThemOver) {
  Successions they({"--workers", "3"});
  Client client = they.server.connect();
  client.send("GET /slow?ms=300 HTTP/1.1\r\nHost: t\r\n\r\n");
  they.server.wait_for_line("begins");
  EXPECT_EQ(they.succeed(), they.server.first_workers());
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.closes());
  EXPECT_EQ(they.server.stats().at("primary").at("pid").as_int64(), they.primary());
}

TEST(Succession, OfManyPrimariesInARowLosesNoRequest) {
  Successions they({"--workers", "2"});
  Load load(they.server.port());
  for (int count = 0; count < 5; ++count) {
    ASSERT_TRUE(load.goes_on());
    EXPECT_EQ(they.succeed(), they.server.first_workers());
  }
  ASSERT_TRUE(load.goes_on());
  const LoadResult result = load.stop();
  EXPECT_EQ(result.failures.size() + result.other_status + result.announced_closes, 0U)
      << result.text();
}

TEST(Succession, LeavesNoDescriptorBehind) {
  Successions they({"--workers", "2"});
  they.succeed();
  const auto count = [&] {
    return std::vector{count_descriptors(they.primary()),
                       count_descriptors(they.server.first_workers()[0]),
                       count_descriptors(they.server.first_workers()[1])};
  };
  const auto settled = [&](const std::vector<std::size_t>& before) {
    return eventually([&] { return count() == before; });
  };
  they.server.wait_for_lines("there is a new primary", 2);
  EXPECT_TRUE(eventually([&] { return count_descriptors(they.primary()) > 0; }));
  const auto before = count();
  they.succeed();
  they.succeed();
  they.server.wait_for_lines("there is a new primary", 6);
  EXPECT_TRUE(settled(before)) << testing::PrintToString(before) << testing::PrintToString(count());
}

TEST(Succession, AWorkerThatDiesMeanwhileIsReplaced) {
  Successions they({"--workers", "3", "--test-primary-ms=200"});
  they.kill_primary();
  they.wait_for_start();
  const pid_t victim = they.server.first_workers()[1];
  ::kill(victim, SIGKILL);
  const std::vector<pid_t> workers = they.wait_for_primary();
  ASSERT_EQ(workers.size(), 3U);
  EXPECT_EQ(std::count(workers.begin(), workers.end(), victim), 0);
}

TEST(Succession, TheNewPrimarySeesHowAWorkerEndsAndReplacesIt) {
  Successions they({"--workers", "2"});
  they.succeed();
  const std::string pid = std::to_string(they.server.first_workers()[0]);
  ::kill(they.server.first_workers()[0], SIGKILL);
  they.server.wait_for_line("(pid " + pid + ") was killed by SIGKILL");
  EXPECT_TRUE(eventually([&] { return count_listening(they.server) == 2; }));
}

TEST(Succession, TheNewPrimaryStopsAll) {
  Successions they({"--workers", "2"});
  they.succeed();
  ::kill(they.primary(), SIGTERM);
  EXPECT_TRUE(they.all_end());
  EXPECT_THROW(they.server.connect(), ClientError);
}

TEST(Succession, TheNewPrimaryReloads) {
  Successions they({"--workers", "2"});
  they.succeed();
  ::kill(they.primary(), SIGHUP);
  they.server.wait_for_line("reload finished: generation 2");
  for (const pid_t worker : they.server.first_workers()) EXPECT_FALSE(is_alive(worker));
  EXPECT_EQ(they.server.get("/").status, 200);
}

TEST(Succession, OutlivesTheWorkerThatStartsTheNewPrimary) {
  Successions they({"--workers", "3", "--test-primary-ms=300"});
  they.kill_primary();
  ::kill(they.wait_for_start().by, SIGKILL);
  EXPECT_EQ(they.wait_for_primary().size(), 3U);
  EXPECT_EQ(they.server.get("/").status, 200);
}

TEST(Succession, OutlivesTheDeathOfTheNewPrimaryBeforeItTookOver) {
  Successions they({"--workers", "2", "--test-primary-ms=200"});
  they.kill_primary();
  ::kill(they.wait_for_start().primary, SIGKILL);
  they.server.wait_for_line("was killed by SIGKILL before it took over");
  EXPECT_EQ(they.wait_for_primary(), they.server.first_workers());
}

TEST(Succession, AWorkerThatIsBusyForLongRejoinsLater) {
  Successions they({"--workers", "2"});
  Client client = they.server.connect();
  client.send("GET /block?ms=1500 HTTP/1.1\r\nHost: t\r\n\r\n");
  they.server.wait_for_line("begins");
  EXPECT_EQ(they.succeed(), they.server.first_workers());
  EXPECT_EQ(they.server.count_lines("has not answered the new primary yet"), 1U);
  EXPECT_EQ(client.read().status, 200);
}

TEST(Succession, AStopDuringItDrainsTheBusyWorkerToo) {
  Successions they({"--workers", "2"});
  Client client = they.server.connect();
  client.send("GET /block?ms=1000 HTTP/1.1\r\nHost: t\r\n\r\n");
  they.server.wait_for_line("begins");
  they.kill_primary();
  const std::string line =
      they.server.wait_for_line("has taken over from one that died: 2 workers");
  ::kill(std::stoi(line.substr(line.find("(pid ") + 5)), SIGTERM);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_TRUE(they.all_end());
}

TEST(Succession, AnAdoptedWorkerThatHangsIsReplaced) {
  Successions they({"--workers", "2", "--hang-seconds", "1"});
  they.succeed();
  Client client = they.server.connect();
  client.send("GET /block?ms=60000 HTTP/1.1\r\nHost: t\r\n\r\n");
  they.server.wait_for_line("begins");
  they.server.wait_for_line("as it hung");
  EXPECT_TRUE(eventually([&] { return count_listening(they.server) == 2; }));
}

TEST(Succession, AnAdoptedWorkerThatIsOverALimitIsReplaced) {
  Successions they({"--workers", "1", "--max-requests", "20"});
  they.succeed();
  for (int count = 0; count < 20; ++count) EXPECT_EQ(they.server.get("/").status, 200);
  they.server.wait_for_line("is to be replaced: it has had");
  const pid_t old = they.server.first_workers()[0];
  EXPECT_TRUE(eventually([&] { return !is_alive(old); }));
  EXPECT_EQ(they.server.get("/").status, 200);
}
