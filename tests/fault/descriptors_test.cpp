#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/times.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

void limit_descriptors(pid_t pid, std::size_t to) {
  rlimit limit{};
  ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, nullptr, &limit), 0);
  limit.rlim_cur = to;
  ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr), 0);
}

// utime + stime, in clock ticks.
long cpu_ticks(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream words(line.substr(line.rfind(')') + 2));
  std::string skipped;
  for (int index = 0; index < 11; ++index) words >> skipped;
  long user = 0, system = 0;
  words >> user >> system;
  return user + system;
}

// More than the worker may have. Those that are turned away throw, now or when they ask.
std::vector<Client> connect_many(const ServerProcess& server, int count) {
  std::vector<Client> out;
  for (int index = 0; index < count; ++index) out.push_back(server.connect());
  return out;
}

#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
#define SKIP_UNDER_UBSAN()                                                                      \
  GTEST_SKIP() << "UndefinedBehaviorSanitizer opens a pipe to look at an object, and takes it " \
                  "for bad when it cannot"
#endif
#endif
#ifndef SKIP_UNDER_UBSAN
#define SKIP_UNDER_UBSAN() static_cast<void>(0)
#endif

}  // namespace

TEST(Descriptors, AWorkerWithoutAnyServesItsClientsOn) {
  SKIP_UNDER_UBSAN();
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  const pid_t worker = server.first_workers()[0];
  Client before = server.connect();
  EXPECT_EQ(before.get("/").status, 200);
  limit_descriptors(worker, count_descriptors(worker) + 2);
  std::vector<Client> many = connect_many(server, 20);
  server.wait_for_line("out of file descriptors");
  for (int count = 0; count < 20; ++count) EXPECT_EQ(before.get("/").status, 200);
}

TEST(Descriptors, AWorkerWithoutAnyDoesNotSpin) {
  SKIP_UNDER_UBSAN();
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  const pid_t worker = server.first_workers()[0];
  limit_descriptors(worker, count_descriptors(worker) + 2);
  std::vector<Client> many = connect_many(server, 40);
  server.wait_for_line("out of file descriptors");
  const long before = cpu_ticks(worker);
  // Not a wait for something: the time in which it could spin.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const long spent_ms = (cpu_ticks(worker) - before) * 1000 / ::sysconf(_SC_CLK_TCK);
  EXPECT_LT(spent_ms, 150);
}

TEST(Descriptors, AWorkerThatHasSomeAgainServesThoseWhoWaited) {
  SKIP_UNDER_UBSAN();
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  const pid_t worker = server.first_workers()[0];
  limit_descriptors(worker, count_descriptors(worker) + 2);
  std::vector<Client> many = connect_many(server, 10);
  server.wait_for_line("out of file descriptors");
  limit_descriptors(worker, 1000);
  EXPECT_EQ(server.get("/").status, 200);
}

TEST(Descriptors, AFullServerServesThoseWhoWaitedWhenOthersLeave) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1", "--test-max-connections=5"}});
  std::vector<Client> first = connect_many(server, 5);
  for (Client& client : first) EXPECT_EQ(client.get("/").status, 200);
  Client waiting = server.connect();
  waiting.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  server.wait_for_line("as many connections as it may have");
  first.clear();
  EXPECT_EQ(waiting.read().status, 200);
}
