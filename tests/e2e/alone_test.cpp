#include <gtest/gtest.h>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

struct Alone : testing::Test {
  Process process{{TEST_ALONE_PROGRAM}};
  std::uint16_t first = 0, second = 0;

  void SetUp() override {
    const std::string line = process.wait_for_line("first 127.0.0.1:");
    first = static_cast<std::uint16_t>(std::stoul(line.substr(line.find(':') + 1)));
    second = static_cast<std::uint16_t>(std::stoul(line.substr(line.rfind(':') + 1)));
  }
};

}  // namespace

TEST_F(Alone, TwoServersServeInOneProcess) {
  EXPECT_EQ(Client(first).get("/").body, "first");
  EXPECT_EQ(Client(second).get("/").body, "second");
}

TEST_F(Alone, AServerThatIsClosedLeavesTheOtherAlone) {
  EXPECT_EQ(Client(second).get("/close").body, "closing");
  EXPECT_TRUE(eventually([&] {
    try {
      Client(second).get("/");
      return false;
    } catch (const ClientError& error) {
      return error.kind == ClientError::Kind::refused;
    }
  }));
  EXPECT_EQ(Client(first).get("/").body, "first");
}

TEST_F(Alone, SigtermEndsBoth) {
  Client client(first);
  client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  process.signal(SIGTERM);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(process.wait().code, 0);
}

TEST_F(Alone, SigintEndsBoth) {
  process.signal(SIGINT);
  EXPECT_EQ(process.wait().code, 0);
}
