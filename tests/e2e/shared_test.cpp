// Memory that the workers of a cluster share by name.
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <deque>
#include <set>
#include <string>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

class SharedMemory : public testing::Test {
 protected:
  static Program program(const std::string& workers) {
    return {TEST_SHARED_PROGRAM, {"--workers", workers}};
  }

  struct Sum {
    int value = 0;
    pid_t pid = 0;
  };
  static Sum add(Client& client, const std::string& name) {
    const std::string body = client.get("/add?name=" + name).body;
    Sum out;
    if (std::sscanf(body.c_str(), "%d from %d", &out.value, &out.pid) != 2) {
      ADD_FAILURE() << body;
    }
    return out;
  }
  /// One more, on a connection of its own.
  static Sum add(const ServerProcess& server, const std::string& name = "hits") {
    Client client = server.connect();
    return add(client, name);
  }
  /// One more and one more, until both workers have added; `sum` is what there was. The connections
  /// stay open meanwhile, so that one worker soon has more than its share.
  static std::set<pid_t> add_on_both(const ServerProcess& server, int& sum) {
    std::set<pid_t> pids;
    std::deque<Client> clients;
    EXPECT_TRUE(eventually([&] {
      try {
        clients.push_back(server.connect());
        const Sum next = add(clients.back(), "hits");
        EXPECT_EQ(next.value, ++sum);
        pids.insert(next.pid);
      } catch (const ClientError&) {  // it met a worker that was just dying, and was not counted
      }
      return pids.size() == 2;
    }));
    return pids;
  }
  /// Kills each of the first workers, and waits for its replacement.
  static void kill_all(const ServerProcess& server) {
    for (const pid_t pid : server.first_workers()) {
      ::kill(pid, SIGKILL);
      EXPECT_TRUE(eventually([&] { return server.children().size() == 2 && !is_alive(pid); }));
    }
  }
  static bool is_error(const std::string& body, int code) {
    return body.starts_with("error " + std::to_string(code) + ":");
  }
};

TEST_F(SharedMemory, IsOneForAllWorkers) {
  const ServerProcess server(program("2"));
  int sum = 0;
  add_on_both(server, sum);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(add(server).value, ++sum);
  EXPECT_EQ(add(server, "others").value, 1);
}

TEST_F(SharedMemory, SurvivesTheDeathOfEveryWorker) {
  const ServerProcess server(program("2"));
  int sum = 0;
  const std::set<pid_t> first = add_on_both(server, sum);
  kill_all(server);
  for (const pid_t pid : add_on_both(server, sum)) EXPECT_FALSE(first.contains(pid));
}

TEST_F(SharedMemory, SurvivesTheDeathOfThePrimary) {
  ServerProcess server(program("2"));
  int sum = 0;
  add_on_both(server, sum);
  server.signal(SIGKILL);
  server.wait();
  server.wait_for_lines("Listening on ", 2);
  EXPECT_EQ(add(server).value, ++sum);
  for (const pid_t pid : server.first_workers()) {  // the next ones have it from the new primary
    ::kill(pid, SIGKILL);
    EXPECT_TRUE(eventually([&] { return server.family().size() == 3 && !is_alive(pid); }));
  }
  EXPECT_EQ(add(server).value, ++sum);
}

TEST_F(SharedMemory, SurvivesAReload) {
  const ServerProcess server(program("1"));
  const Sum first = add(server);
  server.signal(SIGHUP);
  Sum last = first;
  EXPECT_TRUE(eventually([&] {
    const Sum next = add(server);
    EXPECT_EQ(next.value, last.value + 1);
    last = next;
    return next.pid != first.pid;
  }));
}

TEST_F(SharedMemory, OfOneProcessIsItsOwn) {
  const ServerProcess server(program("0"));
  EXPECT_EQ(add(server).value, 1);
  EXPECT_EQ(add(server).value, 2);
  EXPECT_EQ(server.get("/thread?name=hits").body, "found");
}

TEST_F(SharedMemory, GrowsForAllWorkers) {
  const ServerProcess server(program("2"));
  EXPECT_EQ(server.get("/grow?name=log&max=1000&to=600").body, "600");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(server.get("/grow?name=log&max=1000&to=600").body, "600");
  }
  EXPECT_TRUE(is_error(server.get("/grow?name=log&max=1000&to=1001").body, EINVAL));
}

TEST_F(SharedMemory, IsRefusedInAnotherSize) {
  const ServerProcess server(program("2"));
  EXPECT_EQ(add(server).value, 1);
  for (int i = 0; i < 20; ++i) {  // by workers that have it, and by those that have not
    const std::string body = server.get("/add?name=hits&count=2").body;
    EXPECT_TRUE(is_error(body, EEXIST)) << body;
    EXPECT_NE(body.find("4 bytes"), std::string::npos) << body;
  }
  EXPECT_EQ(add(server).value, 2);
}

TEST_F(SharedMemory, IsLimited) {
  const ServerProcess server(program("1"));
  EXPECT_TRUE(is_error(server.get("/add?name=").body, EINVAL));
  EXPECT_TRUE(is_error(server.get("/add?name=" + std::string(129, 'n')).body, EINVAL));
  EXPECT_TRUE(is_error(server.get("/add?name=huge&count=1000000000").body, ENOSPC));
  Client client = server.connect();
  for (int i = 0; i < 256; ++i) {
    const std::string body = client.get("/add?name=n" + std::to_string(i)).body;
    ASSERT_FALSE(body.starts_with("error")) << body;
  }
  EXPECT_TRUE(is_error(client.get("/add?name=one-more").body, ENOSPC));
}

TEST_F(SharedMemory, CostsThePrimaryOneDescriptorPerName) {
  const ServerProcess server(program("2"));
  int sum = 0;
  add_on_both(server, sum);
  const std::size_t before = count_descriptors(server.pid());
  kill_all(server);
  add_on_both(server, sum);
  // At most: one of an answer may still have been on its way to a worker before.
  EXPECT_TRUE(eventually([&] { return count_descriptors(server.pid()) <= before; }))
      << count_descriptors(server.pid()) << " instead of " << before;
}

TEST_F(SharedMemory, WakesATaskOfAnotherWorker) {
  const ServerProcess server(program("2"));
  Client waiting = server.connect();
  waiting.send("GET /wait?name=bell HTTP/1.1\r\nHost: t\r\n\r\n");
  int woken = 0;
  EXPECT_TRUE(eventually([&] {
    int by = 0;
    const std::string body = server.get("/notify?name=bell").body;
    EXPECT_EQ(std::sscanf(body.c_str(), "%d by %d", &woken, &by), 2) << body;
    return woken == 1;
  }));
  EXPECT_TRUE(waiting.read().body.starts_with("ok in "));
}

TEST_F(SharedMemory, ReachesTheThreadsOfAWorkerThroughItsMainThread) {
  const ServerProcess server(program("1"));
  EXPECT_TRUE(is_error(server.get("/thread?name=hits").body, ENOTCONN));
  EXPECT_EQ(add(server).value, 1);
  EXPECT_EQ(server.get("/thread?name=hits").body, "found");
}

TEST_F(SharedMemory, IsNotHurtByAWorkerThatAsksForNonsense) {
  const ServerProcess server(program("1"));
  EXPECT_EQ(add(server).value, 1);
  for (const char* query :
       {"bytes=0", "bytes=3", "bytes=8000", "name-bytes=1", "name-bytes=129", "name-bytes=8000"}) {
    EXPECT_EQ(server.get(std::string("/bad?") + query).body, "sent") << query;
  }
  EXPECT_EQ(add(server, "after").value, 1) << "the primary answers on the same channel";
  EXPECT_EQ(add(server).value, 2);
  EXPECT_EQ(server.children(), server.first_workers());
}

}  // namespace
