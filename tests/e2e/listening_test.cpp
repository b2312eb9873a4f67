#include <gtest/gtest.h>

#include <fmt/format.h>
#include <sys/stat.h>
#include <boost/json/value.hpp>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

// Workers that listen where a test says, and what they said of it.
class Listening : public Process {
 public:
  Listening(int workers, std::vector<std::string> places)
      : Process({TEST_LISTENING_PROGRAM, arguments(workers, std::move(places))}) {}

  struct Told {
    int worker;
    std::string address;
    pid_t pid;
  };
  // "listening 0 127.0.0.1:4000 pid 17": the n-th place's come in each worker's order.
  std::vector<Told> told() const {
    std::vector<Told> all;
    std::istringstream lines(out());
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string word;
      Told one{};
      if (words >> word && word == "listening" &&
          words >> one.worker >> one.address >> word >> one.pid)
        all.push_back(one);
    }
    return all;
  }
  std::map<int, pid_t> pids() const {
    std::map<int, pid_t> found;
    for (const Told& one : told()) found[one.worker] = one.pid;
    return found;
  }
  std::set<std::string> addresses_of(int worker) const {
    std::set<std::string> found;
    for (const Told& one : told()) {
      if (one.worker == worker) found.insert(one.address);
    }
    return found;
  }
  void wait_for_listening(std::size_t count) const { wait_for_lines("listening ", count); }

 private:
  static std::vector<std::string> arguments(int workers, std::vector<std::string> places) {
    places.insert(places.begin(), std::to_string(workers));
    return places;
  }
};

// That nobody else had a moment ago.
std::uint16_t free_port() {
  const ServerProcess server({HELLO_PROGRAM, {"--workers", "0"}});
  return server.port();
}

bool is_refused(std::uint16_t port) {
  try {
    const Client client(port);
    return false;
  } catch (const ClientError&) {
    return true;
  }
}

}  // namespace

TEST(Listening, AllWorkersServeOnOneUnixSocket) {
  const TemporaryFolder folder;
  const Listening server(2, {"path=" + folder.file("s"), "port=0"});
  server.wait_for_listening(6);
  const auto pids = server.pids();
  std::set<std::string> answers;
  std::vector<Client> clients;
  EXPECT_TRUE(eventually([&] {
    clients.emplace_back(folder.file("s"));
    answers.insert(clients.back().get("/").body);
    return answers.size() == 2;
  }));
  for (const auto& [worker, pid] : pids) EXPECT_TRUE(answers.contains(fmt::format("pid {}", pid)));
}

TEST(Listening, AUnixSocketsFileIsThereUntilThePrimaryEnds) {
  const TemporaryFolder folder;
  Listening server(2, {"path=" + folder.file("s")});
  server.wait_for_listening(4);
  const pid_t first = server.pids().at(0);
  ::kill(first, SIGKILL);
  server.wait_for_lines("listening 0 unix:", 2);
  EXPECT_EQ(Client(folder.file("s")).get("/").status, 200);
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().code, 0);
  EXPECT_FALSE(std::filesystem::exists(folder.file("s")));
}

TEST(Listening, AUnixSocketsFileGoesWhenTheLastWorkerHasClosedIt) {
  const TemporaryFolder folder;
  const Listening server(2, {"path=" + folder.file("s")});
  server.wait_for_listening(4);
  ::kill(server.pids().at(0), SIGUSR1);
  server.wait_for_line("closed 0");
  EXPECT_EQ(Client(folder.file("s")).get("/").body, fmt::format("pid {}", server.pids().at(1)));
  ::kill(server.pids().at(1), SIGUSR1);
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(folder.file("s")); }));
}

TEST(Listening, AUnixSocketHasTheRightsThatTheProgramNames) {
  const TemporaryFolder folder;
  const Listening server(1, {"path=" + folder.file("s") + ",mode=600"});
  server.wait_for_listening(2);
  struct stat facts {};
  ASSERT_EQ(::stat(folder.file("s").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST(Listening, AProgramThatWasKilledLeavesAFileThatTheNextReplaces) {
  const TemporaryFolder folder;
  {
    Listening killed(1, {"path=" + folder.file("s")});
    killed.wait_for_listening(2);
    const pid_t worker = killed.pids().at(0);
    killed.signal(SIGKILL);
    ::kill(worker, SIGKILL);
    killed.wait();
    EXPECT_TRUE(eventually([&] { return !is_alive(worker); }));
  }
  ASSERT_TRUE(std::filesystem::exists(folder.file("s")));
  const Listening server(1, {"path=" + folder.file("s")});
  server.wait_for_listening(2);
  EXPECT_EQ(Client(folder.file("s")).get("/").status, 200);
}

TEST(Listening, AWorkerThatAsksForALivingSocketsPathHearsThatItIsInUse) {
  const TemporaryFolder folder;
  const Listening first(1, {"path=" + folder.file("s")});
  first.wait_for_listening(2);
  const Listening second(1, {"path=" + folder.file("s")});
  second.wait_for_line(fmt::format("failed 0: {} cannot listen on unix:", EADDRINUSE));
  EXPECT_EQ(Client(folder.file("s")).get("/").body, fmt::format("pid {}", first.pids().at(0)));
}

TEST(Listening, APortInUseIsAnErrorOfTheServersThatWantItAndOfNoOther) {
  const ServerProcess holder({HELLO_PROGRAM, {"--workers", "0"}});
  const Listening server(2, {fmt::format("port={}", holder.port()), "port=0"});
  server.wait_for_lines(
      fmt::format("failed 0: {} cannot listen on 127.0.0.1:{}", EADDRINUSE, holder.port()), 1);
  server.wait_for_line(fmt::format("failed 1: {}", EADDRINUSE));
  server.wait_for_listening(4);
}

TEST(Listening, SucceedsLaterOnAPortThatHasBecomeFree) {
  ServerProcess holder({HELLO_PROGRAM, {"--workers", "0"}});
  const Listening server(1, {fmt::format("port={}", holder.port())});
  server.wait_for_line("failed 0: ");
  server.wait_for_listening(1);
  holder.stop();
  ::kill(server.pids().at(0), SIGUSR2);
  server.wait_for_line(fmt::format("listening 0 127.0.0.1:{} ", holder.port()));
  EXPECT_EQ(Client(holder.port()).get("/").status, 200);
}

TEST(Listening, AnExclusivePortZeroIsAnotherPortInEachWorker) {
  const Listening server(2, {"port=0,exclusive"});
  server.wait_for_listening(4);
  const auto first = server.addresses_of(0);
  const auto second = server.addresses_of(1);
  ASSERT_EQ(first.size(), 2U);  // its own, and the one that all share
  std::set<std::string> all(first);
  all.insert(second.begin(), second.end());
  EXPECT_EQ(all.size(), 3U);
}

TEST(Listening, AReplacementGetsTheExclusivePortOfItsPredecessor) {
  const Listening server(2, {"port=0,exclusive"});
  server.wait_for_listening(4);
  const auto before = server.addresses_of(0);
  ::kill(server.pids().at(0), SIGKILL);
  server.wait_for_listening(6);
  EXPECT_EQ(server.addresses_of(0), before);
}

TEST(Listening, AnExclusiveFixedPortIsRefusedToTheSecondWorker) {
  const std::uint16_t port = free_port();
  const Listening server(2, {fmt::format("port={},exclusive", port)});
  server.wait_for_listening(3);
  server.wait_for_line("failed ");
  EXPECT_EQ(server.count_lines(fmt::format("listening 0 127.0.0.1:{} ", port)) +
                server.count_lines(fmt::format("listening 1 127.0.0.1:{} ", port)),
            1U);
  EXPECT_EQ(server.count_lines(fmt::format(": {} cannot", EADDRINUSE)), 1U);
}

TEST(Listening, AWorkerThatClosesAPortMayListenThereAgainWhileOthersDo) {
  const std::uint16_t port = free_port();
  const Listening server(2, {fmt::format("port={}", port)});
  server.wait_for_listening(4);
  const pid_t first = server.pids().at(0);
  ::kill(first, SIGUSR1);
  server.wait_for_line("closed 0");
  ::kill(first, SIGUSR2);
  server.wait_for_lines(fmt::format("listening 0 127.0.0.1:{} ", port), 2);
  EXPECT_EQ(server.count_lines("failed "), 0U);
}

TEST(Listening, APortThatAllWorkersHaveClosedIsFree) {
  const std::uint16_t port = free_port();
  const Listening server(2, {fmt::format("port={}", port)});
  server.wait_for_listening(4);
  for (const auto& [worker, pid] : server.pids()) ::kill(pid, SIGUSR1);
  EXPECT_TRUE(eventually([&] { return is_refused(port); }));
  ::kill(server.pids().at(1), SIGUSR2);
  server.wait_for_lines(fmt::format("listening 1 127.0.0.1:{} ", port), 2);
  EXPECT_EQ(Client(port).get("/").status, 200);
}

TEST(Listening, APortStaysOpenWhenAllWorkersDieAtOnce) {
  const std::uint16_t port = free_port();
  const Listening server(2, {fmt::format("port={}", port)});
  server.wait_for_listening(4);
  for (const auto& [worker, pid] : server.pids()) ::kill(pid, SIGKILL);
  EXPECT_EQ(Client(port).get("/").status, 200);
}

TEST(Listening, SaysOnceWhenWorkersWantASocketDifferently) {
  const Listening server(3, {"port=0,own-backlog"});
  server.wait_for_listening(6);
  EXPECT_EQ(server.count_lines("with another backlog"), 1U);
}

TEST(Listening, SaysWhenTheKernelShortensTheQueue) {
  const Listening server(1, {"port=0,backlog=2000000000"});
  server.wait_for_line("net.core.somaxconn");
}

TEST(Listening, AnAppListensOnAUnixSocketWhenItIsTold) {
  const TemporaryFolder folder;
  Process app({HELLO_PROGRAM, {"--workers", "2", "--socket", folder.file("s")}});
  app.wait_for_line("Listening on unix:" + folder.file("s"));
  EXPECT_EQ(Client(folder.file("s")).get("/").status, 200);
  app.signal(SIGTERM);
  EXPECT_EQ(app.wait().code, 0);
  EXPECT_FALSE(std::filesystem::exists(folder.file("s")));
}

TEST(Listening, ASingleProcessRemovesItsUnixSocketAtTheEnd) {
  const TemporaryFolder folder;
  Process app({HELLO_PROGRAM, {"--workers", "0", "--socket", folder.file("s")}});
  app.wait_for_line("Listening on unix:" + folder.file("s"));
  EXPECT_EQ(Client(folder.file("s")).get("/").status, 200);
  app.signal(SIGTERM);
  EXPECT_EQ(app.wait().code, 0);
  EXPECT_FALSE(std::filesystem::exists(folder.file("s")));
}
