// The same promises, whatever the scheduling.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <csignal>
#include <map>
#include <set>
#include <tuple>

#include <sys/resource.h>

#include "support/load.hpp"
#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

class Scheduling : public testing::TestWithParam<std::tuple<const char*, int>> {
 protected:
  std::string scheduling() const { return std::get<0>(GetParam()); }
  int workers() const { return std::get<1>(GetParam()); }
  Program program(std::vector<std::string> more = {}) const {
    more.insert(more.begin(),
                {"--workers", std::to_string(workers()), "--scheduling", scheduling()});
    return {TEST_SERVER_PROGRAM, more};
  }
  void stop_worker(const ServerProcess& server, pid_t worker) const {
    ::kill(worker, SIGSTOP);
    ASSERT_TRUE(eventually([&] { return look_up(worker)->state == 'T'; }));
    // The primary has heard of it, and any worker says so.
    ASSERT_TRUE(eventually([&] {
      const auto stats = server.stats();
      for (const auto& entry : stats.at("workers").as_array()) {
        if (entry.at("pid").to_number<pid_t>() == worker) return entry.at("stopped").as_bool();
      }
      return false;
    }));
  }
};

class SchedulingUnderLoad : public Scheduling {};

std::string name_of(const testing::TestParamInfo<std::tuple<const char*, int>>& info) {
  return fmt::format("{}_{}", std::get<0>(info.param), std::get<1>(info.param));
}

void ask(Client& client) {
  client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
}

}  // namespace

TEST_P(Scheduling, ServesEveryConnection) {
  const ServerProcess server(program());
  std::vector<Client> clients;
  for (int count = 0; count < 100; ++count) clients.push_back(server.connect());
  for (Client& client : clients) EXPECT_EQ(client.get("/").status, 200);
}

TEST_P(Scheduling, LeavesNobodyWaitingForAStoppedWorker) {
  const ServerProcess server(program());
  const pid_t stopped = server.first_workers()[0];
  stop_worker(server, stopped);
  std::vector<Client> clients;
  for (int count = 0; count < 60; ++count) {
    clients.push_back(server.connect());
    ask(clients.back());
  }
  for (Client& client : clients) EXPECT_NE(client.read().body, fmt::format("pid {}", stopped));
}

TEST_P(Scheduling, LetsAStoppedWorkerThatGoesOnServeWhatTheOthersCannot) {
  const ServerProcess server(program());
  const pid_t first = server.first_workers()[0];
  stop_worker(server, first);
  ::kill(first, SIGCONT);
  for (const pid_t other : server.first_workers()) {
    if (other != first) ::kill(other, SIGSTOP);
  }
  for (const pid_t other : server.first_workers())
    ASSERT_TRUE(eventually([&] { return (look_up(other)->state == 'T') == (other != first); }));
  for (int count = 0; count < 20; ++count)
    EXPECT_EQ(server.get("/").body, fmt::format("pid {}", first));
}

TEST_P(Scheduling, LosesNoConnectionOfItsQueuesWhenAllWorkersAreKilled) {
  const ServerProcess server(program());
  for (const pid_t worker : server.first_workers()) ::kill(worker, SIGSTOP);
  for (const pid_t worker : server.first_workers())
    ASSERT_TRUE(eventually([&] { return look_up(worker)->state == 'T'; }));
  std::vector<Client> clients;
  for (int count = 0; count < 60; ++count) {
    clients.push_back(server.connect());
    ask(clients.back());
  }
  for (const pid_t worker : server.first_workers()) ::kill(worker, SIGKILL);
  for (Client& client : clients) EXPECT_EQ(client.read().status, 200);
}

TEST_P(SchedulingUnderLoad, ReloadsWithoutLosingARequest) {
  ServerProcess server(program());
  Load load(server.port(), {.keep_alive = 0, .per_connection = 3});
  ASSERT_TRUE(load.goes_on());
  server.signal(SIGHUP);
  server.wait_for_line("reload finished");
  EXPECT_TRUE(load.goes_on());
  const LoadResult result = load.stop();
  EXPECT_TRUE(result.failures.empty()) << result.text();
  EXPECT_EQ(result.other_status, 0U);
}

TEST_P(SchedulingUnderLoad, ReplacesAKilledWorkerWithoutRefusingAnybody) {
  ServerProcess server(program());
  Load load(server.port(), {.keep_alive = 0, .per_connection = 3});
  ASSERT_TRUE(load.goes_on());
  ::kill(server.first_workers()[0], SIGKILL);
  server.wait_for_line("killed");
  EXPECT_TRUE(load.goes_on(200));
  const LoadResult result = load.stop();
  for (const Failure& failure : result.failures)
    EXPECT_NE(failure.kind, ClientError::Kind::refused) << failure.what;
  EXPECT_LE(result.failures.size(), 3U) << result.text();  // what it had in hand
}

TEST_P(Scheduling, StopsWithoutLosingARequest) {
  ServerProcess server(program());
  Client client = server.connect();
  client.send("GET /slow?ms=100 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("begins");
  server.signal(SIGTERM);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(server.wait().code, 0);
}

const auto all = testing::Values("balanced", "round_robin", "shared", "reuse_port");
INSTANTIATE_TEST_SUITE_P(By, Scheduling, testing::Combine(all, testing::Values(2, 4, 16)), name_of);
INSTANTIATE_TEST_SUITE_P(By, SchedulingUnderLoad, testing::Combine(all, testing::Values(2, 4)),
                         name_of);

TEST(RoundRobin, GivesEveryWorkerTheSameNumberOfConnections) {
  const ServerProcess server(
      {TEST_SERVER_PROGRAM, {"--workers", "4", "--scheduling", "round_robin"}});
  std::map<std::string, int> connections;
  std::vector<Client> clients;
  for (int count = 0; count < 40; ++count) {
    clients.push_back(server.connect());
    ++connections[clients.back().get("/").body];
  }
  ASSERT_EQ(connections.size(), 4U);
  for (const auto& [worker, count] : connections) {
    EXPECT_GE(count, 8) << worker;
    EXPECT_LE(count, 12) << worker;
  }
}

TEST(RoundRobin, GivesWhatABlockedWorkerDoesNotTakeToAnother) {
  const ServerProcess server(
      {TEST_SERVER_PROGRAM, {"--workers", "2", "--scheduling", "round_robin"}});
  Client busy = server.connect();
  const std::string pid = busy.get("/").body;
  busy.send("GET /block?ms=60000 HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("blocking begins");
  for (int count = 0; count < 10; ++count) EXPECT_NE(server.get("/").body, pid);
  for (const pid_t worker : server.first_workers()) ::kill(worker, SIGKILL);
}

TEST(RoundRobin, AsksAnotherWhenAWorkerIsFull) {
  const ServerProcess server(
      {TEST_SERVER_PROGRAM,
       {"--workers", "2", "--scheduling", "round_robin", "--test-max-connections=3"}});
  std::vector<Client> clients;
  std::map<std::string, int> connections;
  for (int count = 0; count < 6; ++count) {
    clients.push_back(server.connect());
    ++connections[clients.back().get("/").body];
  }
  for (const auto& [worker, count] : connections) EXPECT_EQ(count, 3) << worker;
  Client waits = server.connect();
  ask(waits);
  clients.pop_back();
  EXPECT_EQ(waits.read().status, 200);
}

TEST(RoundRobin, AWorkerWithoutDescriptorsKeepsItsPlace) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "2", "--scheduling", "round_robin"}});
  const pid_t poor = server.first_workers()[0];
  rlimit limit{};
  ASSERT_EQ(::prlimit(poor, RLIMIT_NOFILE, nullptr, &limit), 0);
  limit.rlim_cur = 3;  // it keeps what it has, and gets no more, also not in a gap
  ASSERT_EQ(::prlimit(poor, RLIMIT_NOFILE, &limit, nullptr), 0);
  std::vector<Client> clients;
  for (int count = 0; count < 20; ++count) {
    clients.push_back(server.connect());
    EXPECT_EQ(clients.back().get("/").body, fmt::format("pid {}", server.first_workers()[1]));
  }
  EXPECT_TRUE(is_alive(poor));
  EXPECT_EQ(server.count_lines("the primary is gone"), 0U);
}

TEST(ReusePort, EmptiesTheQueueOfAPositionThatIsGivenUp) {
  Process process({TEST_LISTENING_PROGRAM, {"2", "port=0"}, {{"SCHEDULING", "reuse_port"}}});
  const std::string line = process.wait_for_lines("listening 1 ", 2);
  process.wait_for_lines("listening 0 ", 2);
  const std::string address = line.substr(0, line.find(" pid"));
  const auto port = static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
  std::vector<pid_t> workers = process.children();
  for (const pid_t worker : workers) ::kill(worker, SIGSTOP);
  std::vector<Client> clients;
  for (int count = 0; count < 40; ++count) {
    clients.emplace_back(port);
    ask(clients.back());
  }
  process.signal(SIGUSR1);  // gives up the last position
  for (const pid_t worker : workers) ::kill(worker, SIGCONT);
  for (Client& client : clients) EXPECT_EQ(client.read().status, 200);
  EXPECT_TRUE(eventually([&] { return process.children().size() == 1; }));
  for (int count = 0; count < 40; ++count) EXPECT_EQ(Client(port).get("/").status, 200);
}

TEST(ReusePort, LosesNothingUnderLoadWhenAPositionIsGivenUp) {
  Process process({TEST_LISTENING_PROGRAM, {"3", "port=0"}, {{"SCHEDULING", "reuse_port"}}});
  const std::string line = process.wait_for_lines("listening 2 ", 2);
  for (const char* who : {"listening 0 ", "listening 1 "}) process.wait_for_lines(who, 2);
  const std::string address = line.substr(0, line.find(" pid"));
  const auto port = static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
  Load load(port, {.keep_alive = 0, .per_connection = 3});
  ASSERT_TRUE(load.goes_on());
  process.signal(SIGUSR1);
  EXPECT_TRUE(eventually([&] { return process.children().size() == 2; }));
  process.wait_for_line("gave up 2");
  EXPECT_TRUE(load.goes_on(500));
  const LoadResult result = load.stop();
  EXPECT_TRUE(result.failures.empty()) << result.text();
}
