// What is told of a worker that a fault of its own ends. Under a sanitizer the faults are the
// sanitizer's to report.
#include <gtest/gtest.h>

#include <string>

#include "support/server.hpp"

using namespace brigade::testing_support;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_A_SANITIZER 1
#endif
#endif

namespace {

class FaultReport : public testing::Test {
 protected:
  void SetUp() override {
#ifdef UNDER_A_SANITIZER
    GTEST_SKIP() << "the sanitizer handles these signals";
#endif
  }
  /// The log's line on the death of a worker by that fault.
  std::string line_after(const std::string& kind) {
    ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
    EXPECT_THROW(server.get("/fault/" + kind), ClientError);
    std::string line = server.wait_for_line("was killed by");
    EXPECT_EQ(server.get("/").status, 200);
    EXPECT_EQ(server.count_lines("brigade-stack|"), 0U);
    return line;
  }
  static void expect_in(const std::string& line, std::string_view part) {
    EXPECT_NE(line.find(part), std::string::npos) << "no " << part << " in " << line;
  }
};

TEST_F(FaultReport, NamesTheSignalTheAddressTheRouteAndTheFunctions) {
  const std::string line = line_after("segv");
  expect_in(line, "was killed by SIGSEGV: in thread ");
  expect_in(line, ", task \"/fault/:kind\", at address 0x0; stack: ");
  expect_in(line, "add_deaths(brigade::App&)");
  expect_in(line, " < ");
}

TEST_F(FaultReport, ComesForAnAbort) {
  const std::string line = line_after("abort");
  expect_in(line, "was killed by SIGABRT: in thread ");
  expect_in(line, "add_deaths(brigade::App&)");
}

TEST_F(FaultReport, ComesForAnOverflowOfTheStack) {
  const std::string line = line_after("overflow");
  expect_in(line, "was killed by SIGSEGV: in thread ");
  expect_in(line, "overflow_the_stack(int) < ");
}

TEST_F(FaultReport, ComesForACallToNowhere) {
  expect_in(line_after("nowhere"), "at address 0x0; stack: ");
}

}  // namespace
