#include "http/proxy_protocol.hpp"

#include <gtest/gtest.h>

#include <string>

namespace brigade::http::detail {
namespace {

using Status = ProxyOutcome::Status;
using namespace std::string_literals;

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

/// Version 2: command 0 is LOCAL, 1 is PROXY.
std::string version_2(char command, char family, const std::string& rest) {
  const auto size = static_cast<unsigned>(rest.size());
  return signature + static_cast<char>(0x20 | command) + family + static_cast<char>(size >> 8) +
         static_cast<char>(size & 255) + rest;
}

const std::string tcp4_addresses("\xc0\x00\x02\x07\x0a\x00\x00\x01\xc8\x7c\x00\x50", 12);

std::string source_of(const std::string& bytes) {
  const ProxyOutcome outcome = parse_proxy_header(bytes);
  if (outcome.status == Status::incomplete) return "incomplete";
  if (outcome.status == Status::error) return outcome.reason;
  EXPECT_EQ(outcome.consumed, bytes.size());
  return outcome.header.source.text();
}

bool refuses(const std::string& bytes) {
  return parse_proxy_header(bytes).status == Status::error;
}

TEST(ProxyProtocol, ReadsALineOfVersion1) {
  EXPECT_EQ(source_of("PROXY TCP4 192.0.2.7 10.0.0.1 51324 80\r\n"), "192.0.2.7:51324");
  EXPECT_EQ(source_of("PROXY TCP6 2001:db8::7 ::1 51324 80\r\n"), "[2001:db8::7]:51324");
}

TEST(ProxyProtocol, LeavesWhatFollows) {
  const std::string line = "PROXY TCP4 192.0.2.7 10.0.0.1 51324 80\r\n";
  EXPECT_EQ(parse_proxy_header(line + "GET / HTTP/1.1\r\n").consumed, line.size());
}

TEST(ProxyProtocol, KnowsNobodyBehindUnknown) {
  EXPECT_EQ(source_of("PROXY UNKNOWN\r\n"), "");
  EXPECT_EQ(source_of("PROXY UNKNOWN whatever it says\r\n"), "");
}

TEST(ProxyProtocol, RefusesAnythingThatTheLineMayNotBe) {
  EXPECT_TRUE(refuses("GET / HTTP/1.1\r\n"));
  EXPECT_TRUE(refuses("proxy TCP4"));
  EXPECT_TRUE(refuses("PROXY  TCP4 192.0.2.7 10.0.0.1 1 2\r\n"));
  EXPECT_TRUE(refuses("PROXY TCP4 192.0.2.7 10.0.0.1 1 2 \r\n"));
  EXPECT_TRUE(refuses("PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n"));
  EXPECT_TRUE(refuses("PROXY TCP4 192.0.2.7 10.0.0.1 1 2\rX"));
  EXPECT_TRUE(refuses("PROXY TCP4 192.0.2.07 10.0.0.1 1 2\r\n"));
  EXPECT_TRUE(refuses("PROXY TCP4 192.0.2.7 10.0.0.1 01 2\r\n"));
  EXPECT_TRUE(refuses("PROXY TCP4 192.0.2.7 10.0.0.1 65536 2\r\n"));
  EXPECT_TRUE(refuses("PROXY TCP4 192.0.2.7 10.0.0.1 1\r\n"));
  EXPECT_TRUE(refuses("PROXY TCP4 ::1 ::1 1 2\r\n"));
  EXPECT_TRUE(refuses("PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n"));
  EXPECT_TRUE(refuses("PROXY UNKNOWN " + std::string(100, 'x')));
}

TEST(ProxyProtocol, ReadsVersion2) {
  EXPECT_EQ(source_of(version_2(1, 0x11, tcp4_addresses)), "192.0.2.7:51324");
  const std::string six("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16);
  EXPECT_EQ(source_of(version_2(1, 0x21, six + six + "\xc8\x7c\0\x50"s)), "[2001:db8::7]:51324");
}

TEST(ProxyProtocol, KnowsNobodyBehindTheProxysOwnConnection) {
  EXPECT_EQ(source_of(version_2(0, 0x11, tcp4_addresses)), "");
  EXPECT_EQ(source_of(version_2(1, 0, "")), "");
  EXPECT_EQ(parse_proxy_header(version_2(1, 0x31, std::string(216, 'x'))).header.source.kind,
            PeerAddress::Kind::unix_socket);
}

TEST(ProxyProtocol, SeesThatTheClientCameByTls) {
  const std::string ssl("\x20\0\x05\x01\0\0\0\0", 8);
  const std::string plain("\x20\0\x05\x02\0\0\0\0", 8);
  const std::string other("\x05\0\x02id", 5);
  EXPECT_TRUE(parse_proxy_header(version_2(1, 0x11, tcp4_addresses + other + ssl)).header.tls);
  EXPECT_FALSE(parse_proxy_header(version_2(1, 0x11, tcp4_addresses + plain)).header.tls);
}

TEST(ProxyProtocol, RefusesAMalformedVersion2) {
  EXPECT_TRUE(refuses(signature + '\x11'));                  // version 1
  EXPECT_TRUE(refuses(signature + '\x22'));                  // an unknown command
  EXPECT_TRUE(refuses(signature + "\x21\x11\xff\xff"));      // 64 KiB of it
  EXPECT_TRUE(refuses(version_2(1, 0x12, tcp4_addresses)));  // UDP
  EXPECT_TRUE(refuses(version_2(1, 0x11, "short")));
  EXPECT_TRUE(refuses(version_2(1, 0x11, tcp4_addresses + "\x05")));  // half a field
  EXPECT_TRUE(refuses(version_2(1, 0x11, tcp4_addresses + "\x05\0\x09x"s)));
  EXPECT_TRUE(refuses("\r\n\r\nX"));
}

TEST(ProxyProtocol, WaitsForTheRestWhereverItIsCut) {
  for (const std::string& whole : {"PROXY TCP4 192.0.2.7 10.0.0.1 51324 80\r\n"s,
                                   "PROXY UNKNOWN\r\n"s, version_2(1, 0x11, tcp4_addresses)}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(parse_proxy_header(whole.substr(0, size)).status, Status::incomplete) << size;
    }
  }
}

}  // namespace
}  // namespace brigade::http::detail
