#include "http/forwarded.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace brigade::http::detail {
namespace {

RequestHead head_with(std::vector<Field> fields) {
  RequestHead head;
  head.fields = std::move(fields);
  return head;
}

PeerAddress ip(std::string_view text) {
  return PeerAddress::parse_node(text).value();
}

/// "client scheme host", for a peer that is a trusted proxy.
std::string origin(ForwardedFields which, std::vector<Field> fields,
                   std::string_view peer = "10.0.0.1:5") {
  const Forwarding forwarding({{"10.0.0.0/8", "unix"}, which, true});
  const Origin out = forwarding.resolve(head_with(std::move(fields)), ip(peer));
  return out.client.text() + (out.https ? " https " : " http ") + out.host.value_or("-");
}

std::string x_forwarded(std::vector<Field> fields) {
  return origin(ForwardedFields::x_forwarded, std::move(fields));
}

std::string forwarded(std::string_view value) {
  return origin(ForwardedFields::forwarded, {{"Forwarded", value}});
}

TEST(Forwarded, BelievesNobodyWhoIsNotTrusted) {
  EXPECT_EQ(
      origin(ForwardedFields::x_forwarded,
             {{"X-Forwarded-For", "192.0.2.7"}, {"X-Forwarded-Proto", "https"}}, "198.51.100.1:5"),
      "198.51.100.1:5 http -");
}

TEST(Forwarded, TakesTheClientFromATrustedProxy) {
  EXPECT_EQ(x_forwarded({{"X-Forwarded-For", "192.0.2.7"},
                         {"X-Forwarded-Proto", "https"},
                         {"X-Forwarded-Host", "app.example"}}),
            "192.0.2.7 https app.example");
}

TEST(Forwarded, ReadsFromTheRightToTheFirstThatIsNotAProxy) {
  EXPECT_EQ(x_forwarded({{"X-Forwarded-For", "1.1.1.1, 192.0.2.7 ,10.0.0.3"}}), "192.0.2.7 http -");
  EXPECT_EQ(x_forwarded({{"X-Forwarded-For", "1.1.1.1"}, {"x-forwarded-for", "192.0.2.7"}}),
            "192.0.2.7 http -");
}

TEST(Forwarded, StopsAtWhatIsNoAddress) {
  EXPECT_EQ(x_forwarded({{"X-Forwarded-For", "192.0.2.7, unknown"}}), "10.0.0.1:5 http -");
  EXPECT_EQ(x_forwarded({{"X-Forwarded-For", "192.0.2.7, "}}), "10.0.0.1:5 http -");
  EXPECT_EQ(x_forwarded({{"X-Forwarded-For", "192.0.2.7 10.0.0.3"}}), "10.0.0.1:5 http -");
}

TEST(Forwarded, TakesWhatTheOutermostTrustedProxySawAsTheScheme) {
  EXPECT_EQ(x_forwarded({{"X-Forwarded-For", "192.0.2.7, 10.0.0.3"},
                         {"X-Forwarded-Proto", "ftp, https, http"}}),
            "192.0.2.7 https -");
  EXPECT_EQ(x_forwarded({{"X-Forwarded-For", "192.0.2.7"}, {"X-Forwarded-Proto", "https, http"}}),
            "192.0.2.7 http -");
}

TEST(Forwarded, IgnoresTheFieldsThatTheProxiesDoNotWrite) {
  EXPECT_EQ(x_forwarded({{"Forwarded", "for=192.0.2.7;proto=https"}}), "10.0.0.1:5 http -");
  EXPECT_EQ(origin(ForwardedFields::forwarded, {{"X-Forwarded-For", "192.0.2.7"}}),
            "10.0.0.1:5 http -");
}

TEST(Forwarded, IgnoresAHostThatIsNone) {
  EXPECT_EQ(x_forwarded({{"X-Forwarded-For", "192.0.2.7"}, {"X-Forwarded-Host", "a b"}}),
            "192.0.2.7 http -");
}

TEST(Forwarded, ReadsTheStandardField) {
  EXPECT_EQ(forwarded("for=192.0.2.7;proto=https;host=app.example;by=10.0.0.1"),
            "192.0.2.7 https app.example");
  EXPECT_EQ(forwarded("For=\"[2001:db8::7]:4711\" ; PROTO=HTTPS"), "[2001:db8::7]:4711 https -");
  EXPECT_EQ(forwarded("for=1.1.1.1, for=192.0.2.7;proto=https, for=10.0.0.3;proto=http"),
            "192.0.2.7 https -");
  EXPECT_EQ(forwarded("for=\"192.0.2.7\";ext=\"a,b;c\\\"\";host=\"app.example:80\""),
            "192.0.2.7 http app.example:80");
}

TEST(Forwarded, StopsAtAnObfuscatedName) {
  EXPECT_EQ(forwarded("for=192.0.2.7, for=_hidden;proto=https"), "10.0.0.1:5 https -");
}

TEST(Forwarded, IgnoresAMalformedField) {
  for (const char* value : {"for", "for=", "for=\"192.0.2.7", "for=192.0.2.7 proto=https",
                            "for=192.0.2.7;for=1.1.1.1", "for =192.0.2.7", "for=\"192.0.2.7\\"}) {
    EXPECT_EQ(forwarded(value), "10.0.0.1:5 http -") << value;
  }
}

TEST(Networks, ContainTheirAddresses) {
  const Networks networks = Networks::parse({"10.1.0.0/16", "2001:db8::/33", "127.0.0.1"}).value();
  EXPECT_TRUE(networks.contains(ip("10.1.255.255")));
  EXPECT_TRUE(networks.contains(ip("::ffff:10.1.2.3"))) << "an IPv4 client of a socket for both";
  EXPECT_FALSE(networks.contains(ip("10.2.0.0")));
  EXPECT_TRUE(networks.contains(ip("2001:db8:7fff::1")));
  EXPECT_FALSE(networks.contains(ip("2001:db8:8000::1")));
  EXPECT_TRUE(networks.contains(ip("127.0.0.1:80")));
  EXPECT_FALSE(networks.contains(ip("127.0.0.2")));
  EXPECT_FALSE(networks.contains({.kind = PeerAddress::Kind::unix_socket}));
  EXPECT_TRUE(Networks::parse({"unix"}).value().contains({.kind = PeerAddress::Kind::unix_socket}));
}

TEST(Networks, RefuseWhatIsNoAddress) {
  for (const char* entry : {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08",
                            "10.0.0.1/8", "::1/129", "010.0.0.1", "10.0.0.1:80"}) {
    EXPECT_FALSE(Networks::parse({entry}).ok()) << entry;
  }
  EXPECT_THROW(Forwarding({{"localhost"}, ForwardedFields::x_forwarded, false}),
               std::invalid_argument);
}

}  // namespace
}  // namespace brigade::http::detail
