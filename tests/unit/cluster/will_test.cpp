#include "cluster/will.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

namespace brigade::cluster::detail {
namespace {

Will some() {
  Will out;
  out.arguments = {"app", "", "--port=3000"};
  out.environment = {"A=1", "EMPTY="};
  out.directory = "/srv";
  CPU_SET(3, &out.cpus);
  out.patience = std::chrono::seconds(7);
  return out;
}

TEST(Will, ComesOutOfItsMemfdAsItWentIn) {
  auto memfd = some().seal();
  auto read = Will::read(memfd.value());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->arguments, some().arguments);
  EXPECT_EQ(read->environment, some().environment);
  EXPECT_EQ(read->directory, "/srv");
  EXPECT_TRUE(CPU_ISSET(3, &read->cpus));
  EXPECT_FALSE(CPU_ISSET(0, &read->cpus));
  EXPECT_EQ(read->patience, std::chrono::seconds(7));
}

TEST(Will, CannotBeChanged) {
  auto memfd = some().seal();
  EXPECT_EQ(::pwrite(memfd->get(), "x", 1, 0), -1);
}

TEST(Will, IsRefusedWhenAnythingIsMissingOrTooMuch) {
  const std::string whole = some().encode();
  ASSERT_TRUE(Will::decode(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Will::decode(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(Will::decode(whole + 'x'));
}

TEST(Will, OfThisProcessSaysHowItWasStarted) {
  const Will own = Will::of_this_process(std::chrono::seconds(1));
  ASSERT_FALSE(own.arguments.empty());
  EXPECT_NE(own.arguments[0].find("unit_cluster"), std::string::npos);
  EXPECT_TRUE(std::any_of(own.environment.begin(), own.environment.end(),
                          [](const std::string& each) { return each.starts_with("PATH="); }));
  EXPECT_FALSE(own.directory.empty());
}

// The exit code of a child that runs `body`.
template <class Body>
int in_child(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

TEST(WillLock, IsOneProcesssAtATime) {
  auto memfd = some().seal();
  ASSERT_TRUE(try_lock(*memfd, Lock::reign));
  EXPECT_EQ(in_child([&] { return try_lock(*memfd, Lock::reign) ? 1 : 0; }), 0);
  EXPECT_EQ(in_child([&] { return is_locked(*memfd, Lock::reign) ? 1 : 0; }), 1);
  unlock(*memfd, Lock::reign);
  EXPECT_EQ(in_child([&] { return try_lock(*memfd, Lock::reign) ? 1 : 0; }), 1);
}

TEST(WillLock, IsApartFromTheOther) {
  auto memfd = some().seal();
  ASSERT_TRUE(try_lock(*memfd, Lock::reign));
  EXPECT_EQ(in_child([&] { return try_lock(*memfd, Lock::election) ? 1 : 0; }), 1);
}

TEST(WillLock, IsGivenBackWhenItsHolderIsKilled) {
  auto memfd = some().seal();
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const char done = try_lock(*memfd, Lock::election) ? 'y' : 'n';
    if (::write(pipe[1], &done, 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  char done = 0;
  ASSERT_EQ(::read(pipe[0], &done, 1), 1);
  EXPECT_EQ(done, 'y');
  EXPECT_FALSE(try_lock(*memfd, Lock::election));
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  EXPECT_TRUE(try_lock(*memfd, Lock::election));
  ::close(pipe[0]);
  ::close(pipe[1]);
}

}  // namespace
}  // namespace brigade::cluster::detail
