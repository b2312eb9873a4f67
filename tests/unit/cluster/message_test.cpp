#include "cluster/message.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace brigade::cluster::detail {
namespace {

// Where things stand in a frame.
constexpr std::size_t version_at = 4;
constexpr std::size_t type_at = 5;
constexpr std::size_t size_at = 12;
constexpr std::size_t header_size = 16;

std::string sample() {
  return encode({MessageType::listen, 77, "the body", Fd()});
}

template <class Body>
void expect_whole_or_nothing(const Body& body) {
  const std::string bytes = body.encode();
  ASSERT_TRUE(Body::decode(bytes));
  EXPECT_EQ(Body::decode(bytes)->encode(), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Body::decode(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(Body::decode(bytes + '\0'));
}

TEST(Message, ComesBackAsItWent) {
  const auto message = decode(sample());
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, MessageType::listen);
  EXPECT_EQ(message->sequence, 77U);
  EXPECT_EQ(message->body, "the body");
  EXPECT_FALSE(message->fd);
}

TEST(Message, MayHaveNoBody) {
  const auto message = decode(encode({MessageType::online, 0, {}, Fd()}));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->body, "");
}

TEST(Message, KeepsZeroBytesInItsBody) {
  const std::string body("a\0b", 3);
  EXPECT_EQ(decode(encode({MessageType::failed, 1, body, Fd()}))->body, body);
}

TEST(Message, IsCutToTheLongestFrame) {
  const std::string frame = encode({MessageType::failed, 1, std::string(20'000, 'x'), Fd()});
  EXPECT_EQ(frame.size(), max_frame);
  EXPECT_EQ(decode(frame)->body.size(), max_frame - header_size);
}

TEST(Message, IsRefusedWhenCutAtAnyByte) {
  const std::string whole = sample();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode(std::string_view(whole).substr(0, size))) << size;
  }
}

TEST(Message, IsRefusedWithABadMagic) {
  for (std::size_t at = 0; at < version_at; ++at) {
    std::string frame = sample();
    frame[at] ^= 1;
    EXPECT_FALSE(decode(frame)) << at;
  }
}

TEST(Message, IsRefusedInAnotherVersion) {
  std::string frame = sample();
  ++frame[version_at];
  EXPECT_FALSE(decode(frame));
}

TEST(Message, IsRefusedWhenItsTypeIsUnknown) {
  int known = 0;
  for (int type = 0; type < 256; ++type) {
    std::string frame = sample();
    frame[type_at] = static_cast<char>(type);
    if (decode(frame)) ++known;
  }
  EXPECT_EQ(known, 24);
}

TEST(Message, IsRefusedWhenItsSizeIsNotThePackets) {
  for (const int by : {-1, 1, 100}) {
    std::string frame = sample();
    frame[size_at] = static_cast<char>(frame[size_at] + by);
    EXPECT_FALSE(decode(frame)) << by;
  }
  EXPECT_FALSE(decode(sample() + 'x'));
}

TEST(Message, NeverMakesSenseOfRandomBytes) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 64, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    ASSERT_FALSE(decode(bytes));
    // Their length prefixes promise what is not there: nothing is read past the end.
    static_cast<void>(Listen::decode(bytes));
    static_cast<void>(ListenReply::decode(bytes));
    static_cast<void>(Drain::decode(bytes));
  }
}

TEST(Message, WithAFlippedBitStillFitsItsFrameOrIsRefused) {
  const std::string whole = sample();
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string frame = whole;
    frame[bit / 8] = static_cast<char>(frame[bit / 8] ^ (1 << bit % 8));
    const auto message = decode(frame);
    if (message) {
      EXPECT_EQ(message->body.size(), frame.size() - header_size);
    }
  }
}

TEST(Listen, ComesBackWholeOrNotAtAll) {
  const Listen listen{"::1", 65535, 4'000'000'000U, -1};
  expect_whole_or_nothing(listen);
  const auto back = Listen::decode(listen.encode());
  EXPECT_EQ(back->host, "::1");
  EXPECT_EQ(back->port, 65535);
  EXPECT_EQ(back->ordinal, 4'000'000'000U);
  EXPECT_EQ(back->backlog, -1);
}

TEST(Listen, SharesAKeyForTheSameHostAndPort) {
  EXPECT_EQ((Listen{"::", 80, 0, 100}.key()), (Listen{"::", 80, 3, 200}.key()));
  EXPECT_NE((Listen{"::", 80, 0, 0}.key()), (Listen{"::", 81, 0, 0}.key()));
  EXPECT_NE((Listen{"", 80, 0, 0}.key()), (Listen{"::", 80, 0, 0}.key()));
}

TEST(Listen, TellsSocketsOfPortZeroApartByTheirOrder) {
  EXPECT_EQ((Listen{"", 0, 1, 0}.key()), (Listen{"", 0, 1, 0}.key()));
  EXPECT_NE((Listen{"", 0, 0, 0}.key()), (Listen{"", 0, 1, 0}.key()));
}

TEST(Listen, KeepsItsKindAndItsWishes) {
  Listen listen{.host = "/run/app.sock", .kind = ListenKind::unix_stream, .mode = 0660};
  listen.ipv6_only = listen.exclusive = true;
  expect_whole_or_nothing(listen);
  const auto back = Listen::decode(listen.encode());
  EXPECT_EQ(back->kind, ListenKind::unix_stream);
  EXPECT_EQ(back->mode, 0660U);
  EXPECT_TRUE(back->ipv6_only);
  EXPECT_TRUE(back->exclusive);
}

TEST(Listen, IsRefusedWithAKindThatIsNone) {
  std::string bytes = Listen{}.encode();
  bytes[bytes.size() - 8] = 3;  // behind it: the mode and three flags
  EXPECT_FALSE(Listen::decode(bytes));
}

TEST(Listen, TellsKindsApart) {
  const Listen udp{.host = "::", .port = 80, .kind = ListenKind::udp};
  EXPECT_NE(udp.key(), (Listen{.host = "::", .port = 80}.key()));
  EXPECT_EQ((Listen{.host = "/a", .kind = ListenKind::unix_stream, .mode = 1}.key()),
            (Listen{.host = "/a", .kind = ListenKind::unix_stream, .mode = 2}.key()));
}

TEST(Unlisten, ComesBackWholeOrNotAtAll) {
  const Unlisten unlisten{"127.0.0.1:80", true};
  expect_whole_or_nothing(unlisten);
  EXPECT_EQ(Unlisten::decode(unlisten.encode())->key, "127.0.0.1:80");
  EXPECT_TRUE(Unlisten::decode(unlisten.encode())->for_good);
}

TEST(ListenReply, ComesBackWholeOrNotAtAll) {
  const ListenReply reply{98, "in use", 15};
  expect_whole_or_nothing(reply);
  const auto back = ListenReply::decode(reply.encode());
  EXPECT_EQ(back->error, 98);
  EXPECT_EQ(back->text, "in use");
  EXPECT_EQ(back->board, 15U);
}

TEST(Share, ComesBackWholeOrNotAtAll) {
  const Share share{"hits", 8, std::uint64_t{1} << 40};
  expect_whole_or_nothing(share);
  const auto back = Share::decode(share.encode());
  EXPECT_EQ(back->name, "hits");
  EXPECT_EQ(back->size, 8U);
  EXPECT_EQ(back->max_size, std::uint64_t{1} << 40);
}

TEST(Share, IsRefusedWithANameThatClaimsToBeLongerThanTheFrame) {
  std::string bytes = Share{"hits", 8, 0}.encode();
  bytes[3] = '\x7f';  // the highest byte of the name's length
  EXPECT_FALSE(Share::decode(bytes));
}

TEST(ShareReply, ComesBackWholeOrNotAtAll) {
  const ShareReply reply{28, "no room"};
  expect_whole_or_nothing(reply);
  const auto back = ShareReply::decode(reply.encode());
  EXPECT_EQ(back->error, 28);
  EXPECT_EQ(back->text, "no room");
}

TEST(Drain, ComesBackWholeOrNotAtAll) {
  const Drain drain{250, 30'000};
  expect_whole_or_nothing(drain);
  const auto back = Drain::decode(drain.encode());
  EXPECT_EQ(back->quiet_ms, 250U);
  EXPECT_EQ(back->deadline_ms, 30'000U);
}

}  // namespace
}  // namespace brigade::cluster::detail
