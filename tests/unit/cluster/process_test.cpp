#include "cluster/process.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cluster/listen_socket.hpp"
#include "cluster/own_slot.hpp"
#include "support/fake_loop.hpp"

namespace brigade::cluster::detail {
namespace {

using testing_support::FakeLoop;

struct Member final : Drainable {
  void on_drain(Duration quiet, Duration deadline) override {
    drains.emplace_back(quiet, deadline);
  }
  std::vector<std::pair<Duration, Duration>> drains;
};

// Alone: there is no primary.
class ProcessTest : public testing::Test {
 protected:
  Result<Process::Socket> listen(std::uint16_t port) {
    return fake.loop.run(process->listen({.host = "127.0.0.1", .port = port, .backlog = 16}));
  }
  // That nobody else had a moment ago.
  std::uint16_t free_port() { return port_of(listen_on("127.0.0.1", 0, 1).value().address); }

  FakeLoop fake;
  std::shared_ptr<Process> process = Process::join();
};

TEST_F(ProcessTest, IsOneForAllWhoJoinOnALoop) {
  EXPECT_EQ(Process::join(), process);
}

TEST_F(ProcessTest, IsMadeAnewWhenNobodyHoldsItAnyMore) {
  std::weak_ptr<Process> old = process;
  process.reset();
  EXPECT_TRUE(old.expired());
  EXPECT_NE(Process::join(), nullptr);
}

TEST_F(ProcessTest, HasNoPrimaryWhenAlone) {
  EXPECT_FALSE(process->has_primary());
}

TEST_F(ProcessTest, MeasuresTheLoopOnTheScoreboard) {
  EXPECT_EQ(&fake.loop.meter(), &own_slot().figures().loop.meter);
}

TEST_F(ProcessTest, GetsASocketOfItsOwn) {
  const std::uint16_t port = free_port();
  auto socket = listen(port);
  ASSERT_TRUE(socket) << socket.error().message();
  EXPECT_EQ(port_of(socket->address), port);
  EXPECT_TRUE(socket->fd);
}

TEST_F(ProcessTest, RefusesToListenTwiceOnAFixedPort) {
  const std::uint16_t port = free_port();
  const auto first = listen(port);
  ASSERT_TRUE(first);
  const auto second = listen(port);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), EADDRINUSE);
  EXPECT_NE(second.error().message().find(std::to_string(port)), std::string::npos);
}

TEST_F(ProcessTest, ListensAgainOnAPortThatWasGivenBack) {
  const std::uint16_t port = free_port();
  {
    const auto first = listen(port);
    ASSERT_TRUE(first);
  }
  process->unlisten(Listen{.host = "127.0.0.1", .port = port}.key());
  const auto second = listen(port);
  EXPECT_TRUE(second) << second.error().message();
}

TEST_F(ProcessTest, GetsADifferentSocketForEachPortZero) {
  auto first = listen(0);
  auto second = listen(0);
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->address, second->address);
}

TEST_F(ProcessTest, ListensOnAsManySocketsAsItLikes) {
  std::vector<Process::Socket> sockets;
  for (unsigned i = 0; i < 2 * stats::kMaxListeners; ++i) {
    auto socket = listen(0);
    ASSERT_TRUE(socket) << socket.error().message();
    sockets.push_back(std::move(*socket));
  }
}

TEST_F(ProcessTest, MayTryAgainAfterAPortWasInUse) {
  auto other = listen_on("127.0.0.1", 0, 1).value();
  const std::uint16_t port = port_of(other.address);
  const auto refused = listen(port);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EADDRINUSE);
  other.fd.reset();
  EXPECT_TRUE(listen(port));
}

TEST_F(ProcessTest, ListensOnAPathThatBeginsAtItsWorkingDirectory) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(std::filesystem::temp_directory_path());
  const std::string name = "brigade-process-test-" + std::to_string(::getpid());
  auto socket = fake.loop.run(process->listen({.host = name, .kind = ListenKind::unix_stream}));
  std::filesystem::current_path(before);
  ASSERT_TRUE(socket) << socket.error().message();
  EXPECT_EQ(socket->address, "unix:" + (std::filesystem::temp_directory_path() / name).string());
}

TEST_F(ProcessTest, RefusesToListenTwiceOnAPath) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("brigade-twice-" + std::to_string(::getpid()));
  const Listen wanted{.host = path, .kind = ListenKind::unix_stream};
  const auto first = fake.loop.run(process->listen(wanted));
  ASSERT_TRUE(first) << first.error().message();
  const auto second = fake.loop.run(process->listen(wanted));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), EADDRINUSE);
}

TEST_F(ProcessTest, TellsWhereItListens) {
  std::vector<std::string> told;
  process->on_listening = [&](const std::string& address) { told.push_back(address); };
  process->listening("127.0.0.1:80");
  EXPECT_EQ(told, std::vector<std::string>{"127.0.0.1:80"});
}

TEST_F(ProcessTest, AsksItsMembersOnceToDrain) {
  Member one, two;
  process->add(one);
  process->add(two);
  process->drain(std::chrono::seconds(1), std::chrono::seconds(2), true);
  process->drain(std::chrono::seconds(9), std::chrono::seconds(9), true);
  ASSERT_EQ(one.drains.size(), 1U);
  EXPECT_EQ(one.drains[0],
            std::pair(Duration(std::chrono::seconds(1)), Duration(std::chrono::seconds(2))));
  EXPECT_EQ(two.drains, one.drains);
  EXPECT_TRUE(process->draining());
}

TEST_F(ProcessTest, AsksAMemberThatComesDuringTheDrainAtOnce) {
  process->drain(std::chrono::seconds(1), std::chrono::seconds(2), false);
  Member late;
  process->add(late);
  EXPECT_EQ(late.drains.size(), 1U);
}

TEST_F(ProcessTest, DoesNotAskAMemberThatIsGone) {
  {
    Member gone;
    process->add(gone);
  }
  process->drain(Duration(0), Duration(0), false);
  EXPECT_TRUE(process->draining());
}

class ProcessSignalTest : public ProcessTest, public testing::WithParamInterface<int> {};

TEST_P(ProcessSignalTest, DrainsAProcessThatIsAlone) {
  Member member;
  process->own_quiet = std::chrono::seconds(3);
  process->own_deadline = std::chrono::seconds(4);
  process->add(member);
  ::raise(GetParam());
  fake.loop.turn(false);
  ASSERT_EQ(member.drains.size(), 1U);
  EXPECT_EQ(member.drains[0],
            std::pair(Duration(std::chrono::seconds(3)), Duration(std::chrono::seconds(4))));
}

INSTANTIATE_TEST_SUITE_P(Signals, ProcessSignalTest, testing::Values(SIGTERM, SIGINT));

TEST(ProcessSignalDeathTest, EndsAtOnceAtTheSecondSignal) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        FakeLoop fake;
        const auto process = Process::join();
        while (true) {  // two within a few milliseconds count as one
          ::raise(SIGTERM);
          fake.loop.turn(false);
        }
      },
      testing::ExitedWithCode(128 + SIGTERM), "");
}

TEST(OwnSlot, IsTheOnlyOneOfABoardOfItsOwnWithoutAPrimary) {
  OwnSlot& own = own_slot();
  EXPECT_EQ(own.board.slots(), 1U);
  EXPECT_EQ(own.index, 0U);
  EXPECT_EQ(own.board.entry(0).pid.get(), ::getpid());
  EXPECT_EQ(own.board.entry(0).state(), stats::WorkerState::listening);
  EXPECT_EQ(&own.figures(), &own_slot().figures());
}

}  // namespace
}  // namespace brigade::cluster::detail
