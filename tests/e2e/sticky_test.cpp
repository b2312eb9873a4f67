#include <gtest/gtest.h>

#include <fmt/format.h>

#include <csignal>
#include <map>
#include <set>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

class Sticky : public testing::TestWithParam<const char*> {
 protected:
  ServerProcess server{{TEST_SERVER_PROGRAM,
                        {"--workers", "3", "--scheduling", GetParam(), "--test-sticky=session"}}};

  static std::string cookie(int client) {
    return fmt::format("Cookie: theme=dark; session=client-{}; x=y\r\n", client);
  }
  std::string worker_of(int client) {
    return server.connect().request("GET", "/", {}, cookie(client)).body;
  }
};

}  // namespace

TEST_P(Sticky, BringsAllConnectionsOfAClientToOneWorker) {
  std::set<std::string> workers;
  for (int client = 0; client < 12; ++client) {
    const std::string worker = worker_of(client);
    workers.insert(worker);
    for (int count = 0; count < 6; ++count) EXPECT_EQ(worker_of(client), worker);
  }
  EXPECT_GT(workers.size(), 1U);
}

TEST_P(Sticky, KeepsAConnectionAtItsWorkerForItsLaterRequests) {
  Client client = server.connect();
  const std::string worker = client.request("GET", "/", {}, cookie(1)).body;
  for (int count = 0; count < 5; ++count)
    EXPECT_EQ(client.request("GET", "/", {}, cookie(1)).body, worker);
  EXPECT_EQ(client.get("/").body, worker);
}

TEST_P(Sticky, MovesAConnectionThatBecomesAnotherClients) {
  Client connection = server.connect();
  for (int client = 0; client < 12; ++client)
    EXPECT_EQ(connection.request("GET", "/", {}, cookie(client)).body, worker_of(client));
}

TEST_P(Sticky, TakesARequestsBodyAlong) {
  const std::string body(40'000, 'b');
  for (int client = 0; client < 6; ++client)
    EXPECT_EQ(server.connect().request("POST", "/echo", body, cookie(client)).body, body);
}

TEST_P(Sticky, AnswersPipelinedRequestsOfSeveralClientsInTheirOrder) {
  Client connection = server.connect();
  std::string all;
  for (int client = 0; client < 6; ++client)
    all += "GET / HTTP/1.1\r\nHost: t\r\n" + cookie(client) + "\r\n";
  connection.send(all);
  for (int client = 0; client < 6; ++client) EXPECT_EQ(connection.read().body, worker_of(client));
}

TEST_P(Sticky, GivesAConnectionToAnotherWhenItsWorkerDiesFirst) {
  // Clients of a worker that cannot take what it is given, and that nobody knows of yet.
  std::map<std::string, std::vector<int>> clients;
  for (int client = 0; client < 12; ++client) clients[worker_of(client)].push_back(client);
  const auto& [worker, its] = *clients.begin();
  const pid_t pid = static_cast<pid_t>(std::stol(worker.substr(4)));
  ::kill(pid, SIGSTOP);
  std::vector<Client> waiting;
  for (int count = 0; count < 10; ++count) {
    waiting.push_back(server.connect());
    waiting.back().send("GET / HTTP/1.1\r\nHost: t\r\n" + cookie(its[0]) + "\r\n");
  }
  ::kill(pid, SIGKILL);
  for (Client& client : waiting) EXPECT_EQ(client.read().status, 200);
}

INSTANTIATE_TEST_SUITE_P(With, Sticky, testing::Values("balanced", "round_robin", "reuse_port"),
                         [](const auto& of) { return std::string(of.param); });
