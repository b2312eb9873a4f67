// A socket of a process that is alone; tests/e2e/udp_test.cpp has one that workers share.
#include <gtest/gtest.h>
#include <brigade/loop.hpp>
#include <brigade/task_group.hpp>
#include <brigade/udp_socket.hpp>

#include <cerrno>

#include "cluster/listen_socket.hpp"
#include "cluster/process.hpp"

namespace brigade {
namespace {

class UdpSocketTest : public testing::Test {
 protected:
  UdpSocket bind() { return loop.run(UdpSocket::bind({.host = "127.0.0.1", .port = 0})).value(); }
  static UdpPeer peer_of(const UdpSocket& socket) {
    return UdpPeer::at("127.0.0.1", cluster::detail::port_of(socket.address())).value();
  }

  Loop loop;
  std::shared_ptr<cluster::detail::Process> process = cluster::detail::Process::join();
};

TEST_F(UdpSocketTest, BringsADatagramWhole) {
  UdpSocket here = bind();
  UdpSocket there = bind();
  const std::string large(60'000, 'x');
  ASSERT_TRUE(there.send(large, peer_of(here)));
  auto datagram = loop.run(here.receive());
  ASSERT_TRUE(datagram);
  const Datagram& got = *datagram;
  EXPECT_EQ(got.data, large);
  EXPECT_EQ(got.from.text(), there.address());
}

TEST_F(UdpSocketTest, BringsAnEmptyDatagram) {
  UdpSocket here = bind();
  ASSERT_TRUE(here.send("", peer_of(here)));
  EXPECT_EQ(loop.run(here.receive()).value().data, "");
}

Task<> answer_one(UdpSocket& socket) {
  auto datagram = co_await socket.receive();
  if (datagram) static_cast<void>(socket.send("to " + datagram->data, datagram->from));
}

TEST_F(UdpSocketTest, WaitsForADatagram) {
  UdpSocket here = bind();
  UdpSocket there = bind();
  TaskGroup group;
  group.spawn(answer_one(here));
  loop.turn(false);
  ASSERT_TRUE(there.send("me", peer_of(here)));
  EXPECT_EQ(loop.run(there.receive()).value().data, "to me");
}

Task<> note_end(UdpSocket& socket, int& code) {
  auto datagram = co_await socket.receive();
  code = datagram ? 0 : datagram.error().code();
}

TEST_F(UdpSocketTest, EndsAWaitWhenItIsClosed) {
  UdpSocket here = bind();
  int code = -1;
  TaskGroup group;
  group.spawn(note_end(here, code));
  here.close();
  while (group.size() > 0) loop.turn(true);
  EXPECT_EQ(code, ESHUTDOWN);
}

TEST_F(UdpSocketTest, EndsAWaitWhenTheProcessDrains) {
  UdpSocket here = bind();
  int code = -1;
  TaskGroup group;
  group.spawn(note_end(here, code));
  process->drain(Duration(0), Duration(0), false);
  while (group.size() > 0) loop.turn(true);
  EXPECT_EQ(code, ESHUTDOWN);
}

TEST_F(UdpSocketTest, CanBeDestroyedWhileItsWaitIsCancelled) {
  TaskGroup group;
  {
    UdpSocket here = bind();
    int code = -1;
    group.spawn(note_end(here, code));
    group.cancel();
    while (group.size() > 0) loop.turn(true);
    EXPECT_EQ(code, -1);
  }
  loop.turn(false);
}

TEST(UdpPeer, IsRefusedForAHostThatIsNoAddress) {
  EXPECT_EQ(UdpPeer::at("example.com", 1).error().code(), EINVAL);
}

TEST(UdpPeer, HasATextForBothFamilies) {
  EXPECT_EQ(UdpPeer::at("127.0.0.1", 53).value().text(), "127.0.0.1:53");
  EXPECT_EQ(UdpPeer::at("::1", 53).value().text(), "[::1]:53");
}

}  // namespace
}  // namespace brigade
