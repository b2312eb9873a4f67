#include "cluster/role.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <brigade/cluster.hpp>

#include <array>
#include <string>

#include "self_spawn.hpp"

namespace brigade::cluster::detail {
namespace {

using test::ChildTask;
using test::reap;
using test::spawn_self;

const ChildTask tell_role("role", [] {
  const Role& own = role();
  const bool cloexec = (::fcntl(channel_fd, F_GETFD) & FD_CLOEXEC) != 0 &&
                       (::fcntl(board_fd, F_GETFD) & FD_CLOEXEC) != 0;
  test::write_all(channel_fd,
                  fmt::format("{} id {} number {} slot {} fds {} {} {}{}",
                              is_worker() ? "worker" : "primary", own.id, own.number, own.slot,
                              own.channel.get(), own.board.get(), cloexec ? "cloexec" : "inherited",
                              std::getenv(role_variable) ? " variable" : ""));
  return 0;
});

std::string role_with(const std::string& variable) {
  test::Socketpair pair;
  auto spawned =
      spawn_self("role", pair.childs.get(), pair.childs.get(), {{role_variable, variable}});
  const std::string out = pair.read_to_end();
  EXPECT_EQ(reap(spawned.value().pid), 0);
  return out;
}

TEST(Role, IsPrimaryWithoutTheVariable) {
  EXPECT_TRUE(is_primary());
  EXPECT_FALSE(role().worker);
  EXPECT_FALSE(role().channel);
}

TEST(Role, IsReadErasedAndItsDescriptorsKeptFromGrandchildren) {
  EXPECT_EQ(role_with("7,2,5"), "worker id 7 number 2 slot 5 fds 3 4 cloexec");
}

TEST(Role, TakesIdsOfAnySize) {
  EXPECT_EQ(role_with("18446744073709551615,4294967295,255"),
            "worker id 18446744073709551615 number 4294967295 slot 255 fds 3 4 cloexec");
}

TEST(Role, IsNoWorkersWhenTheVariableMakesNoSense) {
  for (const char* text : {"", "7", "7,2", ",,", "7,,5", "x,2,5", "7,2,5x", "-1,2,5", "7 2 5",
                           "7,2,5,9", "7,2,4294967296"}) {
    const std::string told = role_with(text);
    EXPECT_NE(told.find("primary"), std::string::npos) << text << ": " << told;
    EXPECT_NE(told.find("fds -1 -1 inherited"), std::string::npos) << text << ": " << told;
    EXPECT_EQ(told.find("variable"), std::string::npos) << text << ": " << told;
  }
}

TEST(Role, IsNoWorkersWithoutThePrimarysSocket) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  auto spawned = spawn_self("role", writer.get(), writer.get(), {{role_variable, "7,2,5"}});
  writer.reset();
  std::array<char, 200> told{};
  ASSERT_GT(::read(reader.get(), told.data(), told.size()), 0);
  EXPECT_EQ(reap(spawned.value().pid), 0);
  EXPECT_TRUE(std::string(told.data()).starts_with("primary ")) << told.data();
}

}  // namespace
}  // namespace brigade::cluster::detail
