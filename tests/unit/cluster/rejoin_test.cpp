#include "cluster/rejoin.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "cluster/channel.hpp"

namespace brigade::cluster::detail {
namespace {

Fd any_descriptor() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

Hello some() {
  Hello out;
  out.id = 7;
  out.number = 2;
  out.slot = 5;
  out.goodbye = true;
  out.listening = {"0.0.0.0:3000", "unix:/run/app"};
  out.life = any_descriptor();
  out.sockets.push_back({Listen{.host = "::1", .port = 3000, .backlog = 100, .exclusive = true},
                         "[::1]:3000", 3, any_descriptor()});
  out.buffers.push_back({Share{"hits", 64, 128}, any_descriptor()});
  return out;
}

class Rejoin : public testing::Test {
 protected:
  Rejoin() {
    auto ends = Channel::make_pair().value();
    read = std::move(ends.first);
    write = std::move(ends.second);
  }
  Fd read, write;
};

TEST_F(Rejoin, AHelloArrivesWithAllThatItBrings) {
  Hello sent = some();
  auto channel = Channel::make_pair().value();
  sent.channel = std::move(channel.second);
  ASSERT_TRUE(send_hello(write, sent));
  auto got = receive_hello(read);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->pid, ::getpid());
  const Hello& hello = got->hello;
  EXPECT_EQ(hello.id, 7U);
  EXPECT_EQ(hello.number, 2U);
  EXPECT_EQ(hello.slot, 5U);
  EXPECT_TRUE(hello.goodbye);
  EXPECT_EQ(hello.listening, some().listening);
  EXPECT_TRUE(hello.life);
  ASSERT_EQ(hello.sockets.size(), 1U);
  EXPECT_EQ(hello.sockets[0].wanted.key(), some().sockets[0].wanted.key());
  EXPECT_TRUE(hello.sockets[0].wanted.exclusive);
  EXPECT_EQ(hello.sockets[0].address, "[::1]:3000");
  EXPECT_EQ(hello.sockets[0].board, 3U);
  EXPECT_TRUE(hello.sockets[0].fd);
  ASSERT_EQ(hello.buffers.size(), 1U);
  EXPECT_EQ(hello.buffers[0].wanted.name, "hits");
  EXPECT_EQ(hello.buffers[0].wanted.max_size, 128U);
  EXPECT_TRUE(hello.buffers[0].fd);
  // The channel is the other end of ours.
  EXPECT_EQ(::send(hello.channel.get(), "hello", 5, 0), 5);
  std::array<char, 8> text{};
  EXPECT_EQ(::recv(channel.first.get(), text.data(), text.size(), 0), 5);
}

TEST_F(Rejoin, WaitsForWhoeverReadsIt) {
  EXPECT_FALSE(receive_hello(read));
  for (int count = 0; count < 3; ++count) {
    Hello hello = some();
    hello.id = static_cast<std::uint64_t>(count);
    hello.channel = std::move(Channel::make_pair().value().first);
    ASSERT_TRUE(send_hello(write, hello));
  }
  for (unsigned count = 0; count < 3; ++count) EXPECT_EQ(receive_hello(read)->hello.id, count);
  EXPECT_FALSE(receive_hello(read));
}

TEST_F(Rejoin, WhatMakesNoSenseIsDroppedAndTheNextOneTaken) {
  ASSERT_EQ(::send(write.get(), "garbage", 7, 0), 7);
  const std::string bare = some().encode();  // without its descriptors
  ASSERT_GT(::send(write.get(), bare.data(), bare.size(), 0), 0);
  Hello hello = some();
  hello.channel = std::move(Channel::make_pair().value().first);
  ASSERT_TRUE(send_hello(write, hello));
  EXPECT_EQ(receive_hello(read)->hello.id, 7U);
}

TEST_F(Rejoin, AFullQueueIsAnError) {
  Hello hello = some();
  hello.channel = std::move(Channel::make_pair().value().first);
  int sent = 0;
  while (send_hello(write, hello)) ASSERT_LT(++sent, 1'000'000);
  EXPECT_GE(sent, 120) << "a cluster's workers must fit";
  ASSERT_TRUE(receive_hello(read));
  EXPECT_TRUE(send_hello(write, hello));
}

TEST(Hello, IsRefusedWhenAnythingIsMissingOrTooMuch) {
  const std::string whole = some().encode();
  ASSERT_TRUE(Hello::decode(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Hello::decode(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(Hello::decode(whole + 'x'));
}

}  // namespace
}  // namespace brigade::cluster::detail
