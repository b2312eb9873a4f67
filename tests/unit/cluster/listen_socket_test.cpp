#include "cluster/listen_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace brigade::cluster::detail {
namespace {

bool accepts(const char* address, std::uint16_t port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  const bool is_v4 = ::inet_pton(AF_INET, address, &v4.sin_addr) == 1;
  if (!is_v4) ::inet_pton(AF_INET6, address, &v6.sin6_addr);
  const Fd client(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return is_v4 ? ::connect(client.get(), reinterpret_cast<sockaddr*>(&v4), sizeof v4) == 0
               : ::connect(client.get(), reinterpret_cast<sockaddr*>(&v6), sizeof v6) == 0;
}

bool has_ipv6() {
  const Fd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  return probe && ::bind(probe.get(), reinterpret_cast<sockaddr*>(&loopback), sizeof loopback) == 0;
}

TEST(ListenSocket, GetsAnyFreePortForPortZero) {
  const auto socket = listen_on("127.0.0.1", 0, 16).value();
  EXPECT_TRUE(socket.address.starts_with("127.0.0.1:"));
  EXPECT_NE(port_of(socket.address), 0);
  EXPECT_TRUE(accepts("127.0.0.1", port_of(socket.address)));
}

TEST(ListenSocket, IsClosedOnExecAndDoesNotBlock) {
  const auto socket = listen_on("127.0.0.1", 0, 16).value();
  EXPECT_NE(::fcntl(socket.fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(socket.fd.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(ListenSocket, NamesTheProcessThatHoldsThePort) {
  const auto first = listen_on("127.0.0.1", 0, 16).value();
  const auto second = listen_on("127.0.0.1", port_of(first.address), 16);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), EADDRINUSE);
  const std::string& message = second.error().message();
  EXPECT_NE(message.find(first.address), std::string::npos) << message;
  EXPECT_NE(message.find(fmt::format("pid {} (", ::getpid())), std::string::npos) << message;
  EXPECT_NE(message.find("--port"), std::string::npos) << message;
}

TEST(ListenSocket, IsRefusedForAHostThatIsNoNumericAddress) {
  for (const char* host : {"example.com", "1.2.3", "256.0.0.1", ":::", "127.0.0.1 "}) {
    const auto socket = listen_on(host, 0, 16);
    ASSERT_FALSE(socket) << host;
    EXPECT_EQ(socket.error().code(), EINVAL);
    EXPECT_NE(socket.error().message().find(host), std::string::npos);
  }
}

TEST(ListenSocket, IsRefusedForAnAddressThatThisMachineHasNot) {
  const auto socket = listen_on("192.0.2.1", 0, 16);  // for documentation only (RFC 5737)
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code(), EADDRNOTAVAIL);
  EXPECT_NE(socket.error().message().find("no such address"), std::string::npos);
}

TEST(ListenSocket, TakesLocalhostForTheLoopbackAddress) {
  EXPECT_TRUE(listen_on("localhost", 0, 16).value().address.starts_with("127.0.0.1:"));
}

TEST(ListenSocket, WithoutAHostServesIpv4) {
  const auto socket = listen_on("", 0, 16).value();
  EXPECT_TRUE(accepts("127.0.0.1", port_of(socket.address)));
}

TEST(ListenSocket, WithoutAHostServesIpv6WhereThereIsSome) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
  const auto socket = listen_on("", 0, 16).value();
  EXPECT_TRUE(socket.address.starts_with("[::]:"));
  EXPECT_TRUE(accepts("::1", port_of(socket.address)));
}

TEST(ListenSocket, OfAnIpv6AddressServesThatAlone) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
  const auto socket = listen_on("::", 0, 16).value();
  EXPECT_TRUE(accepts("::1", port_of(socket.address)));
  EXPECT_FALSE(accepts("127.0.0.1", port_of(socket.address)));
}

TEST(ListenSocket, WithoutAHostServesIpv6AloneWhenItIsToldTo) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
  const auto socket = listen_on(Listen{.backlog = 16, .ipv6_only = true}).value();
  EXPECT_TRUE(accepts("::1", port_of(socket.address)));
  EXPECT_FALSE(accepts("127.0.0.1", port_of(socket.address)));
}

TEST(ListenSocket, LetsNobodyElseHaveItsUdpPort) {
  const auto first = listen_on(Listen{.host = "127.0.0.1", .kind = ListenKind::udp}).value();
  const std::uint16_t port = port_of(first.address);
  const auto second = listen_on(Listen{.host = "127.0.0.1", .port = port, .kind = ListenKind::udp});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), EADDRINUSE);
  EXPECT_NE(second.error().message().find("UDP"), std::string::npos) << second.error().message();
}

TEST(ListenSocket, SaysWhenTheKernelMakesItsQueueShorter) {
  testing::internal::CaptureStderr();
  warn_of_capped_backlog(Listen{.backlog = 2'000'000'000}, "127.0.0.1:3000");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("127.0.0.1:3000: at most "), std::string::npos) << said;
  EXPECT_NE(said.find("net.core.somaxconn=2000000000"), std::string::npos) << said;
}

TEST(ListenSocket, SaysNothingWhenItsQueueIsAsLongAsItShouldBe) {
  testing::internal::CaptureStderr();
  warn_of_capped_backlog(Listen{.backlog = 1}, "127.0.0.1:3000");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ListenSocket, CanTakeItsPortAgainAtOnce) {
  auto first = listen_on("127.0.0.1", 0, 16).value();
  const std::uint16_t port = port_of(first.address);
  ASSERT_TRUE(accepts("127.0.0.1", port));
  first.fd.reset();
  EXPECT_TRUE(listen_on("127.0.0.1", port, 16));
}

TEST(PortOf, IsTheNumberAfterTheLastColon) {
  EXPECT_EQ(port_of("0.0.0.0:3000"), 3000);
  EXPECT_EQ(port_of("[::1]:65535"), 65535);
  EXPECT_EQ(port_of("nothing"), 0);
}

}  // namespace
}  // namespace brigade::cluster::detail
