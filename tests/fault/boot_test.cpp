#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "support/load.hpp"
#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

// "…: it starts again in 153 ms"
int delay_of(const std::string& line) {
  return std::stoi(line.substr(line.rfind(" in ") + 4));
}

std::string starts_file(const TemporaryFolder& folder) {
  return "--test-starts-file=" + folder.file("starts");
}

}  // namespace

TEST(Boot, AFirstGenerationThatCannotStartEndsThePrimaryWithItsReason) {
  Process server({TEST_SERVER_PROGRAM,
                  {"--port", "0", "--workers", "3", "--test-throw=the configuration is missing"}});
  EXPECT_EQ(server.wait().code, 1);
  server.wait_for_line("no worker could start: the configuration is missing");
}

TEST(Boot, AFirstGenerationThatOnlyExitsEndsThePrimary) {
  const TemporaryFolder folder;
  Process server({TEST_SERVER_PROGRAM, {"--port", "0", "--workers", "2", starts_file(folder)}});
  EXPECT_EQ(server.wait().code, 1);
  server.wait_for_line("no worker could start");
}

TEST(Boot, ACrashLoopBacksOffFurtherEachTime) {
  const TemporaryFolder folder;
  ServerProcess server(
      {TEST_SERVER_PROGRAM, {"--workers", "1", starts_file(folder), "--test-good-starts=1"}});
  ::kill(server.first_workers()[0], SIGKILL);
  // Each is half to all of 100 ms, 200 ms, 400 ms.
  for (int deaths = 1, most = 100; deaths <= 3; ++deaths, most *= 2) {
    const int delay =
        delay_of(server.wait_for_line("is unstable (" + std::to_string(deaths) + " deaths"));
    EXPECT_GE(delay, most / 2 - 1);
    EXPECT_LE(delay, most);
  }
  EXPECT_TRUE(server.running());
}

TEST(Boot, ACrashLoopAtOnePositionLeavesTheOthersAlone) {
  const TemporaryFolder folder;
  ServerProcess server(
      {TEST_SERVER_PROGRAM, {"--workers", "2", starts_file(folder), "--test-good-starts=2"}});
  Load load(server.port());
  ::kill(server.first_workers()[0], SIGKILL);
  server.wait_for_line("is unstable (3 deaths");
  EXPECT_TRUE(load.goes_on());
  const LoadResult result = load.stop();
  for (const Failure& failure : result.failures) {
    EXPECT_TRUE(failure.worker == 0 || failure.worker == server.first_workers()[0])
        << result.text();
  }
  EXPECT_LE(result.failures.size(), 5U) << result.text();
}

TEST(Boot, ACrashLoopEndsWithTheProgram) {
  const TemporaryFolder folder;
  ServerProcess server(
      {TEST_SERVER_PROGRAM, {"--workers", "1", starts_file(folder), "--test-good-starts=1"}});
  ::kill(server.first_workers()[0], SIGKILL);
  server.wait_for_line("is unstable (2 deaths");
  EXPECT_EQ(server.stop().code, 0);
}

TEST(Boot, ACrashLoopThatIsOverServesAgain) {
  const TemporaryFolder folder;
  ServerProcess server(
      {TEST_SERVER_PROGRAM, {"--workers", "1", starts_file(folder), "--test-good-starts=1"}});
  ::kill(server.first_workers()[0], SIGKILL);
  server.wait_for_line("is unstable (2 deaths");
  std::filesystem::remove(folder.file("starts"));
  EXPECT_EQ(server.get("/").status, 200);  // it waited in the primary's socket
}
