#include "cluster/spawn.hpp"

#include <brigade/loop.hpp>
#include <brigade/signal.hpp>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include "cluster/orphan_guard.hpp"
#include "cluster/role.hpp"
#include "self_spawn.hpp"

namespace brigade::cluster::detail {
namespace {

using test::ChildTask;
using test::reap;
using test::Socketpair;
using test::spawn_self;
using test::task_variable;

std::string signals_where(bool (*holds)(int signal)) {
  std::string out;
  for (int signal = 1; signal < 65; ++signal) {
    if (holds(signal)) out += " " + std::to_string(signal);
  }
  return out;
}

bool is_blocked(int signal) {
  sigset_t mask;
  ::sigprocmask(SIG_BLOCK, nullptr, &mask);
  return ::sigismember(&mask, signal) == 1;
}

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// One fact a line.
const ChildTask facts("facts", [] {
  std::ostringstream out;
  out << "fds";
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) out << ' ' << fd;
  }
  out << "\nblocked" << signals_where(is_blocked) << "\nignored" << signals_where(is_ignored);
  std::ifstream command("/proc/self/cmdline");
  out << "\narguments";
  for (std::string word; std::getline(command, word, '\0');) out << " [" << word << "]";
  const char* home = std::getenv("HOME");
  out << "\nhome " << (home ? home : "none") << '\n';
  test::write_all(channel_fd, out.str());
  return 0;
});

const ChildTask code_17("code 17", [] { return 17; });

const ChildTask which_board("board", [] {
  struct stat facts_of {};
  test::write_all(channel_fd,
                  ::fstat(board_fd, &facts_of) == 0 ? std::to_string(facts_of.st_ino) : "nothing");
  return 0;
});

const ChildTask directory("directory", [] {
  std::array<char, 256> path{};
  test::write_all(channel_fd, ::getcwd(path.data(), path.size()) ? path.data() : "nowhere");
  return 0;
});

const ChildTask user("user", [] {
  int signal = 0;
  ::prctl(PR_GET_PDEATHSIG, &signal);
  std::ostringstream out;
  out << "user " << ::getuid() << ' ' << ::geteuid() << " group " << ::getgid() << ' '
      << ::getegid() << " groups " << ::getgroups(0, nullptr) << " orphan's signal "
      << (signal == orphan_signal() ? "yes" : "no");
  test::write_all(channel_fd, out.str());
  return 0;
});

std::string facts_of_a_child(const std::map<std::string, std::string>& environment = {}) {
  Socketpair pair;
  const Fd board(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto spawned = spawn_self("facts", pair.childs.get(), board.get(), environment).value();
  const std::string out = pair.read_to_end();
  EXPECT_EQ(reap(spawned.pid), 0);
  return out;
}

TEST(Spawn, ASignalToTheChildIsNeverTakenForOneToTheParent) {
  Loop loop;
  int heard = 0;
  const SignalWatch watch(SIGTERM, [&] { ++heard; });
  for (int round = 0; round < 50; ++round) {
    Socketpair pair;
    auto child = spawn_self("code 17", pair.childs.get(), pair.childs.get());
    ASSERT_TRUE(child.ok());
    ::kill(child->pid, SIGTERM);  // it still has this program's handlers, or just not any more
    reap(child->pid);
    loop.turn(false);
  }
  EXPECT_EQ(heard, 0);
}

TEST(Spawn, GivesTheChildItsFiveDescriptorsAndNoOther) {
  const Fd leaky(::open("/dev/null", O_RDONLY));  // not CLOEXEC
  const Fd high(::fcntl(leaky.get(), F_DUPFD, 300));
  EXPECT_NE(facts_of_a_child().find("fds 0 1 2 3 4\n"), std::string::npos);
}

TEST(Spawn, StartsTheChildWithNoSignalBlocked) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, &before);
  const std::string child = facts_of_a_child();
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_NE(child.find("blocked\n"), std::string::npos) << child;
}

TEST(Spawn, StartsTheChildWithNoSignalIgnored) {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGRTMAX, SIG_IGN);
  const std::string child = facts_of_a_child();
  for (const int signal : {SIGPIPE, SIGHUP, SIGRTMAX}) ::signal(signal, SIG_DFL);
  EXPECT_NE(child.find("ignored\n"), std::string::npos) << child;
}

TEST(Spawn, PassesArgumentsAndEnvironmentAsTheyAre) {
  const std::string child = facts_of_a_child({{"HOME", "/some where"}});
  EXPECT_NE(child.find("arguments [child] [an argument]\n"), std::string::npos) << child;
  EXPECT_NE(child.find("home /some where\n"), std::string::npos) << child;
  EXPECT_NE(facts_of_a_child().find("home none\n"), std::string::npos);
}

TEST(Spawn, PutsEachDescriptorInItsPlaceAlsoWhenTheyStandInEachOthers) {
  Socketpair pair;
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  struct stat expected {};
  ASSERT_EQ(::fstat(file.get(), &expected), 0);
  // Channel at 4 and board at 3, the wrong way round; what stood there comes back afterwards.
  const Fd kept_3(::fcntl(3, F_DUPFD_CLOEXEC, 100));
  const Fd kept_4(::fcntl(4, F_DUPFD_CLOEXEC, 100));
  const Fd channel(::fcntl(pair.childs.get(), F_DUPFD_CLOEXEC, 100));
  const Fd board(::fcntl(file.get(), F_DUPFD_CLOEXEC, 100));
  const Fd mine(::fcntl(pair.mine.get(), F_DUPFD_CLOEXEC, 100));
  ::dup3(channel.get(), 4, O_CLOEXEC);
  ::dup3(board.get(), 3, O_CLOEXEC);
  auto spawned = spawn_self("board", 4, 3);
  for (const auto& [kept, place] : {std::pair(kept_3.get(), 3), std::pair(kept_4.get(), 4)}) {
    if (kept >= 0) {
      ::dup3(kept, place, O_CLOEXEC);
    } else {
      ::close(place);
    }
  }
  ASSERT_TRUE(spawned);
  std::array<char, 64> answer{};
  const ssize_t got = ::read(mine.get(), answer.data(), answer.size());
  EXPECT_EQ(reap(spawned->pid), 0);
  ASSERT_GT(got, 0);
  EXPECT_EQ(std::string(answer.data(), static_cast<std::size_t>(got)),
            std::to_string(expected.st_ino));
}

TEST(Spawn, HoldsTheChildByAPidfd) {
  Socketpair pair;
  const auto spawned = spawn_self("code 17", pair.childs.get(), pair.childs.get()).value();
  pollfd ended{spawned.pidfd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 20'000), 1);
  EXPECT_NE(::fcntl(spawned.pidfd.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(reap(spawned.pid), 17);
}

TEST(Spawn, ShowsAProgramThatCannotBeExecutedAsAnExitCode) {
  Socketpair pair;
  const Fd no_program(::open("/etc/passwd", O_PATH | O_CLOEXEC));
  const auto spawned =
      spawn({.binary = no_program.get(),
             .arguments = {"passwd"},
             .descriptors = {{pair.childs.get(), channel_fd}, {pair.childs.get(), STDERR_FILENO}}})
          .value();
  EXPECT_EQ(reap(spawned.pid), exec_failed);
  EXPECT_EQ(pair.read_to_end(), "brigade: cannot execute the program of a worker\n");
}

TEST(Spawn, StartsTheChildInItsDirectory) {
  Socketpair pair;
  const Fd binary(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  const auto spawned = spawn({.binary = binary.get(),
                              .arguments = {"child"},
                              .environment = {task_variable + std::string("=directory")},
                              .descriptors = {{pair.childs.get(), channel_fd}},
                              .directory = "/proc"})
                           .value();
  EXPECT_EQ(pair.read_to_end(), "/proc");
  EXPECT_EQ(reap(spawned.pid), 0);
}

TEST(Spawn, SaysOnStandardErrorWhatDirectoryIsNotThere) {
  Socketpair pair;
  const Fd binary(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  const auto spawned = spawn({.binary = binary.get(),
                              .descriptors = {{pair.childs.get(), STDERR_FILENO}},
                              .directory = "/no/such/place"})
                           .value();
  EXPECT_EQ(pair.read_to_end(), "brigade: cannot enter the directory of a worker's settings\n");
  EXPECT_EQ(reap(spawned.pid), exec_failed);
}

TEST(Spawn, StartsTheChildAsAnotherUserWithoutOurGroups) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may become another user";
  Socketpair pair;
  const Fd binary(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  const auto spawned = spawn({.binary = binary.get(),
                              .arguments = {"child"},
                              .environment = {task_variable + std::string("=user")},
                              .descriptors = {{pair.childs.get(), channel_fd}},
                              .uid = 4321,
                              .gid = 8765})
                           .value();
  EXPECT_EQ(pair.read_to_end(), "user 4321 4321 group 8765 8765 groups 0 orphan's signal yes");
  EXPECT_EQ(reap(spawned.pid), 0);
}

TEST(Spawn, ShowsAChannelThatIsNoneAsAnExitCode) {
  EXPECT_EQ(reap(spawn_self("facts", -1, -1).value().pid), exec_failed);
}

}  // namespace
}  // namespace brigade::cluster::detail
