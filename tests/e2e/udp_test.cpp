#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <set>

#include "support/process.hpp"

using namespace brigade::testing_support;

namespace {

std::uint16_t port_in(const std::string& line) {
  return static_cast<std::uint16_t>(std::stoul(line.substr(line.rfind(':') + 1)));
}

class UdpClient {
 public:
  explicit UdpClient(std::uint16_t port)
      : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  void send() { EXPECT_EQ(::send(socket_.get(), "?", 1, 0), 1); }
  // Empty when there is no answer.
  std::string read() {
    pollfd source{socket_.get(), POLLIN, 0};
    if (::poll(&source, 1, Deadline().left_ms()) != 1) return {};
    std::array<char, 100> text;
    const ssize_t got = ::recv(socket_.get(), text.data(), text.size(), 0);
    return got < 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(got));
  }

 private:
  brigade::Fd socket_;
};

Process start(const std::string& place) {
  return Process({TEST_LISTENING_PROGRAM, {"2", place}});
}

}  // namespace

TEST(Udp, WorkersShareASocket) {
  const Process server = start("udp,port=0");
  const std::uint16_t port = port_in(server.wait_for_line("udp 0 "));
  EXPECT_EQ(port_in(server.wait_for_line("udp 1 ")), port);
  UdpClient client(port);
  for (int count = 0; count < 50; ++count) {
    client.send();
    EXPECT_TRUE(client.read().starts_with("pid "));
  }
}

TEST(Udp, AnExclusiveSocketIsAWorkersOwn) {
  const Process server = start("udp,port=0,exclusive");
  EXPECT_NE(port_in(server.wait_for_line("udp 0 ")), port_in(server.wait_for_line("udp 1 ")));
}

TEST(Udp, LeavesWhatAStoppedWorkerCannotReadToTheOther) {
  const Process server = start("udp,port=0");
  const std::uint16_t port = port_in(server.wait_for_line("udp 0 "));
  server.wait_for_line("udp 1 ");
  const pid_t stopped = server.children()[0];
  ::kill(stopped, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return look_up(stopped)->state == 'T'; }));
  UdpClient client(port);
  for (int count = 0; count < 20; ++count) {
    client.send();
    EXPECT_NE(client.read(), fmt::format("pid {}", stopped));
  }
}

TEST(Udp, KeepsWhatWaitsForAWorkersReplacement) {
  const Process server = start("udp,port=0");
  const std::uint16_t port = port_in(server.wait_for_line("udp 0 "));
  server.wait_for_line("udp 1 ");
  const auto workers = server.children();
  for (const pid_t worker : workers) ::kill(worker, SIGSTOP);
  for (const pid_t worker : workers)
    ASSERT_TRUE(eventually([&] { return look_up(worker)->state == 'T'; }));
  UdpClient client(port);
  client.send();
  for (const pid_t worker : workers) ::kill(worker, SIGKILL);
  EXPECT_TRUE(client.read().starts_with("pid "));
}

TEST(Udp, EndsWithItsWorkersDrain) {
  Process server = start("udp,port=0");
  server.wait_for_line("udp 0 ");
  server.wait_for_line("udp 1 ");
  server.wait_for_line("listening 0 ");
  server.wait_for_line("listening 1 ");
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().code, 0);
  server.wait_for_line("udp ended 0");
  server.wait_for_line("udp ended 1");
}
