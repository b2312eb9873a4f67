#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "support/load.hpp"
#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

bool comes_to(const ServerProcess& server, std::size_t workers) {
  return eventually([&] { return server.children().size() == workers; });
}

}  // namespace

TEST(Scale, UpAndDownUnderLoadFailsNoRequest) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  Load load(server.port(), {.keep_alive = 3, .per_connection = 2});
  for (int round = 0; round < 2; ++round) {
    server.signal(SIGTTIN);
    EXPECT_TRUE(comes_to(server, 3));
    ASSERT_TRUE(load.goes_on());
    server.signal(SIGTTOU);
    EXPECT_TRUE(comes_to(server, 2));
    server.signal(SIGTTOU);
    EXPECT_TRUE(comes_to(server, 1));
    ASSERT_TRUE(load.goes_on());
    server.signal(SIGTTIN);
    EXPECT_TRUE(comes_to(server, 2));
  }
  const LoadResult result = load.stop();
  EXPECT_TRUE(result.failures.empty()) << result.text();
  EXPECT_EQ(result.other_status, 0U) << result.text();
}

TEST(Scale, DownTakesTheHighestPositions) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "3"}});
  server.signal(SIGTTOU);
  ASSERT_TRUE(comes_to(server, 2));
  std::vector<std::int64_t> numbers;
  const auto stats = server.stats();
  for (const auto& worker : stats.at("workers").as_array()) {
    numbers.push_back(worker.at("number").as_int64());
  }
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(stats.at("totals").at("restarts"), 0);
}

TEST(Scale, ToNoneIsRefused) {
  const ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  server.signal(SIGTTOU);
  server.wait_for_line("cannot scale to no worker at all");
  EXPECT_EQ(server.children(), server.first_workers());
}

TEST(Scale, BeyondItsRoomIsRefusedWithTheNumberThatIsPossible) {
  const ServerProcess server({TEST_SUPERVISED_PROGRAM, {}});
  server.signal(SIGRTMIN + 8);
  server.wait_for_line("cannot scale to 8 workers: 7 are the most");
  server.signal(SIGRTMIN + 5);
  EXPECT_TRUE(comes_to(server, 5));
}

TEST(Recycle, StartsTheSuccessorBeforeTheOldOneGoes) {
  const ServerProcess server({TEST_SUPERVISED_PROGRAM, {}});
  const std::vector<pid_t> before = server.children();
  Load load(server.port(), {.keep_alive = 2, .per_connection = 1});
  server.signal(SIGRTMIN);
  server.wait_for_line("is to be replaced: a test asks for it");
  server.wait_for_line("worker 3 listens at position 0");
  ASSERT_TRUE(eventually([&] { return server.children().size() == 2; }));
  EXPECT_NE(server.children(), before);
  ASSERT_TRUE(load.goes_on());
  const LoadResult result = load.stop();
  EXPECT_TRUE(result.failures.empty()) << result.text();
}
