// Rings that the workers of a cluster share by name.
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <deque>
#include <string>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

/// A server with two workers, and a connection to each.
class SharedRings : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(eventually([&] {
      connections.push_back(server.connect());
      const pid_t pid = worker_of(connections.back());
      for (Client& other : connections) {
        if (worker_of(other) == pid) continue;
        first = &other;
        second = &connections.back();
      }
      return first != nullptr;
    }));
  }

  static pid_t worker_of(Client& client) {
    int value = 0;
    pid_t pid = 0;
    std::sscanf(client.get("/add?name=who").body.c_str(), "%d from %d", &value, &pid);
    return pid;
  }
  struct Taken {
    int count = -1;
    int last = -1;
  };
  static Taken take(Client& client, const std::string& query) {
    Taken out;
    const std::string body = client.get("/take?name=" + query).body;
    if (std::sscanf(body.c_str(), "%d up to %d", &out.count, &out.last) != 2) {
      ADD_FAILURE() << body;
    }
    return out;
  }
  void kill_worker(Client& client) {
    const pid_t pid = worker_of(client);
    ASSERT_GT(pid, 0);
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(eventually([&] { return server.children().size() == 2 && !is_alive(pid); }));
  }

  ServerProcess server{Program{TEST_SHARED_PROGRAM, {"--workers", "2"}}};
  std::deque<Client> connections;
  Client* first = nullptr;
  Client* second = nullptr;
};

TEST_F(SharedRings, CarryMessagesFromOneWorkerToAnother) {
  EXPECT_TRUE(first->get("/push?name=mail&count=20").body.starts_with("20 from "));
  EXPECT_EQ(take(*second, "mail").last, 19);
  EXPECT_TRUE(first->get("/push?name=mail&count=5").body.starts_with("25 from "));
  const Taken taken = take(*second, "mail");
  EXPECT_EQ(taken.count, 5);
  EXPECT_EQ(taken.last, 24);
}

TEST_F(SharedRings, KeepTheirMessagesWhenTheConsumerIsKilled) {
  EXPECT_TRUE(first->get("/push?name=mail&count=30").body.starts_with("30 from "));
  EXPECT_EQ(take(*second, "mail&max=10").last, 9);
  EXPECT_TRUE(first->get("/take?name=mail").body.starts_with("error 16:")) << "one at a time";
  kill_worker(*second);
  const Taken taken = take(*first, "mail");
  EXPECT_EQ(taken.count, 20);
  EXPECT_EQ(taken.last, 29);
}

TEST_F(SharedRings, SurviveAProducerThatIsKilledInTheMiddle) {
  // Full at once, so that it is nearly always at work when its room is read away.
  ASSERT_TRUE(first->get("/flood?name=mail&capacity=4096").body.starts_with("flood from "));
  int last = -1;
  ASSERT_TRUE(eventually([&] {
    last = take(*second, "mail&capacity=4096&max=500").last;
    return last > 1000;
  }));
  kill_worker(*first);
  const Taken rest = take(*second, "mail&capacity=4096");
  if (rest.count > 0) EXPECT_EQ(rest.last, last + rest.count) << "nothing lost, nothing twice";
  // Its place is free for another.
  EXPECT_TRUE(second->get("/push?name=mail&capacity=4096").body.starts_with("1 from "));
  EXPECT_EQ(take(*second, "mail&capacity=4096").last, 0);
}

TEST_F(SharedRings, AreRefusedInAnotherLayoutAndAsBuffers) {
  EXPECT_TRUE(first->get("/push?name=mail").body.starts_with("1 from "));
  const std::string exists = "error " + std::to_string(EEXIST) + ":";
  for (Client* client : {first, second}) {
    EXPECT_TRUE(client->get("/add?name=mail").body.starts_with(exists));
    EXPECT_TRUE(client->get("/take?name=mail&capacity=4096").body.starts_with(exists));
  }
  EXPECT_EQ(take(*second, "mail").last, 0);
}

}  // namespace
