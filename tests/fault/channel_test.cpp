#include <gtest/gtest.h>

#include <csignal>
#include <set>
#include <sstream>

#include "support/load.hpp"
#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

struct BadFrame : testing::TestWithParam<const char*> {};

std::set<std::string> lines_of(const std::string& text, std::string_view prefix) {
  std::set<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(prefix)) out.insert(line);
  }
  return out;
}

}  // namespace

TEST_P(BadFrame, CostsItsSenderItsPlaceAndNobodyElse) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2"}});
  Client client = server.connect();
  const std::string bad = client.get("/").body;
  // Clients of the other worker, kept until the end.
  std::vector<Client> others;
  ASSERT_TRUE(eventually([&] {
    others.push_back(server.connect());
    return others.back().get("/").body != bad;
  }));
  try {
    client.get(std::string("/bad-frame/") + GetParam());
  } catch (const ClientError&) {  // killed before it could answer
  }
  server.wait_for_line(": it is replaced");
  EXPECT_TRUE(eventually([&] { return server.count_lines("was killed by SIGKILL") == 1; }));
  EXPECT_EQ(others.back().get("/").status, 200);
  ASSERT_TRUE(eventually([&] { return server.children().size() == 2; }));
  EXPECT_EQ(server.stop().code, 0);
}

INSTANTIATE_TEST_SUITE_P(Of, BadFrame,
                         testing::Values("magic", "version", "type", "size", "short", "long"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Inheritance, AWorkersRoleIsErasedBeforeTheProgramSeesIt) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  EXPECT_EQ(server.get("/environment?name=BRIGADE_ROLE").body, "(none)");
}

TEST(Inheritance, AChildOfAWorkerGetsNothingOfBrigades) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  const std::string seen = server.get("/child").body;
  std::set<std::string> variables = lines_of(seen, "BRIGADE_");
  variables.erase("BRIGADE_CONTROL=off");  // which is the test's, for all of them
  EXPECT_EQ(variables, std::set<std::string>{}) << seen;
  // /proc/PID/fd/* is read by the shell itself, through a descriptor that is gone when it prints.
  std::set<std::string> descriptors = lines_of(seen, "fd ");
  descriptors.erase("fd 3");
  EXPECT_EQ(descriptors, (std::set<std::string>{"fd 0", "fd 1", "fd 2"})) << seen;
}

TEST(Inheritance, AWorkerHasNoDescriptorsOfItsSiblings) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "3"}});
  const auto& workers = server.first_workers();
  EXPECT_EQ(count_descriptors(workers[0]), count_descriptors(workers[2]));
}
