#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

std::uint16_t port_in(const std::string& line) {
  return static_cast<std::uint16_t>(std::stoul(line.substr(line.rfind(':') + 1)));
}

// The events of one worker, by their first words, in their order.
std::string events_of(const Process& process, int worker) {
  std::string out;
  std::istringstream lines(process.out());
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string event;
    int id = 0;
    words >> event >> id;
    if (id == worker) out += event + " ";
  }
  return out;
}

}  // namespace

TEST(Cluster, TellsOfAWorkersLifeInOrder) {
  Process process({TEST_EVENTS_PROGRAM, {"1"}});
  process.wait_for_lines("listening 1", 2);
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait().code, 0);
  process.wait_for_line("exit 1");
  const std::string events = events_of(process, 1);
  EXPECT_TRUE(events == "fork online listening listening disconnect exit " ||
              events == "fork online listening listening exit disconnect ")
      << events;
}

TEST(Cluster, AServerThatOutlivesItsLoopExitsWithZero) {
  // Its main() has the server, and no loop: run() makes one.
  Process process({TEST_EVENTS_PROGRAM, {"1"}});
  process.wait_for_lines("listening 1", 2);
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait().code, 0);
  process.wait_for_line("exit 1: code 0 signal 0, voluntary");
}

TEST(Cluster, DoesNotKnowHowAWorkerLeftBeforeItHas) {
  const Process process({TEST_EVENTS_PROGRAM, {"1"}});
  process.wait_for_line("fork 1: unknown");
}

TEST(Cluster, CallsAnExitVoluntaryThatWasAskedFor) {
  const Process process({TEST_EVENTS_PROGRAM, {"2"}});
  process.wait_for_lines("listening ", 4);
  process.signal(SIGUSR1);
  process.wait_for_line("exit 1: code 0 signal 0, voluntary, 1 left");
  process.wait_for_line("disconnect 1: voluntary");
}

TEST(Cluster, CallsTheExitOfAWorkerThatLeavesByItselfVoluntaryAndDoesNotReplaceIt) {
  Process process({TEST_EVENTS_PROGRAM, {"1"}});
  const std::string line = process.wait_for_line("listening 1");
  Client client(port_in(line.substr(0, line.find(" pid"))));
  EXPECT_EQ(client.get("/leave").body, "goodbye");
  process.wait_for_line("exit 1: code 0 signal 0, voluntary, 0 left");
  EXPECT_EQ(process.wait().code, 0);
  EXPECT_EQ(process.count_lines("fork 2"), 0U);
}

TEST(Cluster, DoesNotReplaceAWorkerThatItDisconnected) {
  Process process({TEST_EVENTS_PROGRAM, {"2"}});
  process.wait_for_lines("listening ", 4);
  process.signal(SIGUSR1);
  process.wait_for_line("exit 1");
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait().code, 0);
  EXPECT_EQ(process.count_lines("fork 3"), 0U);
}

TEST(Cluster, CallsAKillInvoluntary) {
  const Process process({TEST_EVENTS_PROGRAM, {"1"}});
  process.wait_for_lines("listening 1", 2);
  process.signal(SIGUSR2);
  process.wait_for_line("exit 1: code 0 signal 9, involuntary, 0 left");
  process.wait_for_line("disconnect 1: involuntary");
}

TEST(Cluster, CallsAnExitOfItsOwnInvoluntary) {
  const Process process({TEST_EVENTS_PROGRAM, {"1"}});
  const std::string line = process.wait_for_line("listening 1");
  const std::string address = line.substr(0, line.find(" pid"));
  EXPECT_THROW(Client(port_in(address)).get("/exit?code=42"), ClientError);
  process.wait_for_line("exit 1: code 42 signal 0, involuntary");
  process.wait_for_line("disconnect 1: involuntary");
}

TEST(Cluster, DoesNotCallAnExitWithZeroVoluntary) {
  const Process process({TEST_EVENTS_PROGRAM, {"1"}});
  const std::string line = process.wait_for_line("listening 1");
  EXPECT_THROW(Client(port_in(line.substr(0, line.find(" pid")))).get("/exit?code=0"), ClientError);
  process.wait_for_line("exit 1: code 0 signal 0, involuntary");
}

TEST(Cluster, GivesAReplacementANewId) {
  const Process process({TEST_EVENTS_PROGRAM, {"1"}});
  process.wait_for_lines("listening 1", 2);
  process.signal(SIGUSR2);
  process.wait_for_lines("listening 2", 2);
}

TEST(Cluster, LeavesDeathsToTheProgramWhenItIsToldTo) {
  Process process({TEST_EVENTS_PROGRAM, {"1", "no-restart"}});
  process.wait_for_lines("listening 1", 2);
  process.signal(SIGUSR2);
  EXPECT_EQ(process.wait().code, 0);
  EXPECT_EQ(process.count_lines("fork 2"), 0U);
}

TEST(Cluster, SharesThePortsThatTheKernelChose) {
  const Process process({TEST_EVENTS_PROGRAM, {"2"}});
  process.wait_for_lines("listening ", 4);
  const auto ports = [&](const std::string& worker) {
    std::vector<std::uint16_t> out;
    for (const std::size_t nth : {1U, 2U}) {
      const std::string line = process.wait_for_lines("listening " + worker, nth);
      out.push_back(port_in(line.substr(0, line.find(" pid"))));
    }
    return out;
  };
  EXPECT_EQ(ports("1"), ports("2"));
  EXPECT_NE(ports("1")[0], ports("1")[1]);
  EXPECT_NE(ports("1")[0], 0);
}

TEST(Cluster, GivesEachWorkerItsOwnEnvironment) {
  const Process process({TEST_EVENTS_PROGRAM, {"1"}});
  const std::string line = process.wait_for_line("listening 1");
  EXPECT_EQ(Client(port_in(line.substr(0, line.find(" pid")))).get("/given").body, "0");
}

TEST(Cluster, RefusesToForkWhileItDrains) {
  Process process({TEST_EVENTS_PROGRAM, {"1"}});
  const std::string line = process.wait_for_line("listening 1");
  Client client(port_in(line.substr(0, line.find(" pid"))));
  client.send("GET /wait HTTP/1.1\r\nHost: t\r\n\r\n");
  process.signal(SIGTERM);
  process.wait_for_line("stopping: ");
  process.signal(SIGALRM);
  process.wait_for_line("fork: refused");
}
