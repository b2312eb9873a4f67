// What clients of the control socket may do, and must not.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/json/parse.hpp>

#include <array>
#include <csignal>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <random>

#include "support/control.hpp"
#include "support/memory.hpp"

using namespace brigade::testing_support;

namespace {

class ControlSocket : public testing::Test {
 protected:
  Program program() const {
    return {TEST_SERVER_PROGRAM, {"--workers", "1"}, folder.environment()};
  }
  CtlResult ctl(std::vector<std::string> arguments) const {
    return folder.ctl(TEST_SERVER_PROGRAM, std::move(arguments));
  }
  std::string path() const { return folder.socket("test_server"); }
  void expect_service() const {
    const CtlResult result = ctl({"status"});
    EXPECT_EQ(result.code, 0) << result.err;
  }

  ControlFolder folder;
};

// What another user gets from the socket: 'r' when it may not connect, 'e' when it is hung up on
// without a word, 'w' when it is greeted.
char as_another_user(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {  // only what is safe between fork and _exit
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit('?');
    if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::_exit('r');
    }
    char byte = 0;
    ::_exit(::recv(socket, &byte, 1, 0) > 0 ? 'w' : 'e');
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return static_cast<char>(WEXITSTATUS(status));
}

}  // namespace

TEST_F(ControlSocket, AnswersOrCutsGarbage) {
  ServerProcess server(program());
  const std::string deep(60'000, '[');
  const std::array<std::string, 8> garbage{
      "GET / HTTP/1.1\r\nHost: t\r\n\r\n",
      std::string(1000, '\0'),
      std::string("\0\0\0\4\0\0\0\0", 8),
      std::string("\0\0\0\3{}}", 7),
      std::string("\0\0\xea\x60", 4) + deep,
      std::string("\0\0\0\2\xff\xfe", 6),
      std::string("\0\0\0\0", 4),
      std::string(4, '\xff'),
  };
  for (const std::string& each : garbage) {
    RawControl client(path());
    EXPECT_NE(client.read().find("\"brigade\":\"control\""), std::string::npos);
    client.send(each);
    const std::string answer = client.read();
    EXPECT_NE(answer.find("\"ok\":false"), std::string::npos) << each.substr(0, 20);
  }
  expect_service();
  EXPECT_EQ(server.get("/").status, 200);
}

TEST_F(ControlSocket, DoesNotGrowByWhatItIsSent) {
  ServerProcess server(program());
  const std::string deep = std::string("\0\0\xff\xff", 4) + std::string(0xffff, '[');
  const auto round = [&] {
    for (int count = 0; count < 50; ++count) {
      RawControl client(path());
      client.read();
      client.send(deep);
      client.read();
      RawControl half(path());
      half.send(deep.substr(0, 30'000));
    }
  };
  round();
  expect_service();
  const long before = resident_kib(server.pid());
  for (int count = 0; count < 5; ++count) round();
  expect_service();
  // Of whatever a build does with freed memory: a leak of these 15 MB is what it must not be.
  EXPECT_LE(resident_kib(server.pid()), before + 4096 + sanitizers_share_kib);
}

TEST_F(ControlSocket, SurvivesRandomBytes) {
  ServerProcess server(program());
  std::mt19937 random(60);
  for (int count = 0; count < 200; ++count) {
    RawControl client(path());
    std::string bytes(random() % 300, '\0');
    for (char& each : bytes) each = static_cast<char>(random());
    // Half of them have a length that may be.
    if (random() % 2 == 0) {
      client.ask(bytes);
    } else {
      client.send(bytes);
    }
  }
  expect_service();
}

TEST_F(ControlSocket, CutsWhoSendsAByteNowAndThen) {
  ServerProcess server(program());
  RawControl slow(path());
  slow.read();
  slow.send(std::string_view("\0\0\x7f\0", 4));
  EXPECT_TRUE(eventually([&] {
    ::usleep(50'000);
    return !slow.send("{") || slow.is_cut();
  }));
  expect_service();
}

TEST_F(ControlSocket, RefusesFourGigabytesByTheirLength) {
  ServerProcess server(program());
  const long before = resident_kib(server.pid());
  RawControl client(path());
  client.read();
  client.send("\xff\xff\xff\xff");
  EXPECT_NE(client.read().find("1 to 65536 bytes"), std::string::npos);
  EXPECT_EQ(client.read(), "");
  EXPECT_LE(resident_kib(server.pid()), before + 1024 + sanitizers_share_kib);
  expect_service();
}

TEST_F(ControlSocket, TakesNothingOfABodyThatIsTooLong) {
  ServerProcess server(program());
  RawControl client(path());
  client.read();
  client.send(std::string_view("\4\0\0\0", 4));  // 64 MB
  const std::string part(64 << 10, 'x');
  EXPECT_TRUE(eventually([&] { return !client.send(part); }));
  expect_service();
}

TEST_F(ControlSocket, IsOutOfReachOfOtherUsers) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can act as another user";
  ServerProcess server(program());
  EXPECT_EQ(as_another_user(path()), 'r');
}

TEST_F(ControlSocket, RefusesOtherUsersAlsoWhenItsFileIsOpenToThem) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can act as another user";
  ServerProcess server(program());
  std::filesystem::path open = folder.directory();
  ::chmod(open.c_str(), 0755);
  ::chmod(open.parent_path().c_str(), 0755);
  ::chmod(path().c_str(), 0666);
  EXPECT_EQ(as_another_user(path()), 'e');
  const std::string line = server.wait_for_line("the control socket refused pid ");
  EXPECT_NE(line.find("of user 65534"), std::string::npos) << line;
  expect_service();
}

TEST_F(ControlSocket, AnswersItsOwnerAmongTwoHundredIdleClients) {
  ServerProcess server(program());
  std::deque<RawControl> idle;
  for (int count = 0; count < 200; ++count) idle.emplace_back(path());
  expect_service();
  EXPECT_LE(count_descriptors(server.pid()), 100U);
}

TEST_F(ControlSocket, IsNotHeldUpByAReaderThatStopped) {
  ServerProcess server(program());
  Process events({TEST_SERVER_PROGRAM, {"ctl", "events"}, folder.environment()});
  ASSERT_TRUE(eventually([&] {
    ctl({"log-level", "info"});
    return events.out().find("log-level") != std::string::npos;
  }));
  events.signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return look_up(events.pid())->state == 'T'; }));
  const long before = resident_kib(server.pid());
  // Far more events than the socket and the queue hold.
  RawControl client(path());
  client.read();
  for (int count = 0; count < 10'000; ++count) {
    client.ask(R"({"version":1,"command":"log-level","level":"info"})");
    ASSERT_NE(client.read(), "");
  }
  EXPECT_LE(resident_kib(server.pid()), before + 1024 + sanitizers_share_kib);
  expect_service();
  events.signal(SIGCONT);
  ASSERT_TRUE(eventually([&] {
    ctl({"log-level", "warn"});
    return events.out().find("dropped count=") != std::string::npos;
  }));
}

TEST_F(ControlSocket, OfAKilledPrimaryIsTakenOver) {
  Program draining = program();
  draining.arguments.insert(draining.arguments.end(), {"--on-primary-death", "drain"});
  ServerProcess first(draining);
  first.signal(SIGKILL);
  first.wait();
  ASSERT_TRUE(eventually([&] { return first.reap_orphans(); }));
  EXPECT_EQ(ctl({"status"}).code, 3);
  ServerProcess second(program());
  expect_service();
  EXPECT_EQ(second.count_lines("another"), 0U);
}

TEST_F(ControlSocket, IsThePrimarysThatSucceedsAKilledOne) {
  ServerProcess server(program());
  server.signal(SIGKILL);
  server.wait();
  server.wait_for_lines("Listening on ", 2);
  expect_service();
}

TEST_F(ControlSocket, IsNotPutWhereASymbolicLinkPoints) {
  std::filesystem::create_directory(folder.directory());
  std::filesystem::permissions(folder.directory(), std::filesystem::perms(0700));
  const TemporaryFolder elsewhere;
  std::ofstream(elsewhere.file("precious")) << "data";
  std::filesystem::create_symlink(elsewhere.file("precious"), path());
  ServerProcess server(program());
  server.wait_for_line("is no socket: remove it");
  EXPECT_EQ(std::filesystem::file_size(elsewhere.file("precious")), 4U);
  EXPECT_EQ(server.get("/").status, 200);
}
