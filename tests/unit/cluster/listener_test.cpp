// A worker's side of a listening socket, in a process that is alone. Leaving the queue to siblings
// is decided in balance.hpp, and tested with that.
#include "cluster/listener.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <vector>

#include "cluster/listen_socket.hpp"
#include "support/fake_loop.hpp"

namespace brigade::cluster::detail {
namespace {

using testing_support::FakeLoop;

// No descriptor more can be opened.
class OutOfDescriptors {
 public:
  OutOfDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const Fd lowest_free(::dup(STDIN_FILENO));
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free.get());
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  OutOfDescriptors(const OutOfDescriptors&) = delete;
  OutOfDescriptors& operator=(const OutOfDescriptors&) = delete;
  ~OutOfDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

class ListenerTest : public testing::Test, public Acceptor {
 protected:
  ListenerTest() {
    auto socket = listen_on("127.0.0.1", 0, 128).value();
    port = port_of(socket.address);
    fd = socket.fd.get();
    listener.emplace(Process::Socket{std::move(socket.fd), socket.address, 0}, *this);
  }
  ~ListenerTest() override { listener.reset(); }

  void on_connection(Fd connection) override { connections.push_back(std::move(connection)); }
  bool has_room() override { return connections.size() < room; }

  Fd connect() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return client;
  }
  void turn() { fake.loop.turn(false); }
  void wait_until_listed() {
    while (!listed()) fake.loop.turn(true);
  }
  bool listed() { return own_slot().board.listener(0).is_listed(own_slot().index); }
  static bool is_at_end(const Fd& client) {
    char byte = 0;
    const ssize_t got = ::recv(client.get(), &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

  FakeLoop fake;
  std::size_t room = 1000;
  std::uint16_t port = 0;
  int fd = -1;
  std::vector<Fd> connections;
  std::optional<Listener> listener;
};

TEST_F(ListenerTest, HandsOverWhatItAccepts) {
  const Fd client = connect();
  turn();
  ASSERT_EQ(connections.size(), 1U);
  const int flags = ::fcntl(connections[0].get(), F_GETFL);
  EXPECT_NE(flags & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(connections[0].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ListenerTest, TakesSixteenConnectionsATurn) {
  std::vector<Fd> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(connect());
  turn();
  EXPECT_EQ(connections.size(), 16U);
  turn();
  turn();
  EXPECT_EQ(connections.size(), 40U);
}

TEST_F(ListenerTest, IsListedWhileItListens) {
  EXPECT_TRUE(listed());
  listener->stop();
  EXPECT_FALSE(listed());
}

TEST_F(ListenerTest, KeepsListeningWhenItIsAloneHoweverManyItHas) {
  std::vector<Fd> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(connect());
    turn();
  }
  EXPECT_EQ(connections.size(), 100U);
  EXPECT_TRUE(listed());
}

TEST_F(ListenerTest, TakesWhatWaitsBeforeItStops) {
  std::vector<Fd> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(connect());
  listener->stop();
  EXPECT_EQ(connections.size(), 30U);
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

TEST_F(ListenerTest, MayBeStoppedTwice) {
  listener->stop();
  listener->stop();
  turn();
  EXPECT_TRUE(connections.empty());
}

TEST_F(ListenerTest, LeavesConnectionsInTheQueueWhenThereIsNoRoom) {
  room = 1;
  const Fd first = connect();
  const Fd second = connect();
  turn();
  EXPECT_EQ(connections.size(), 1U);
  EXPECT_FALSE(listed());
  turn();
  EXPECT_EQ(connections.size(), 1U);
}

TEST_F(ListenerTest, LooksAgainWhetherThereIsRoomAfterAWhile) {
  room = 1;
  const Fd first = connect();
  const Fd second = connect();
  turn();
  room = 2;
  wait_until_listed();
  EXPECT_EQ(fake.elapsed(), std::chrono::milliseconds(100));
  turn();
  EXPECT_EQ(connections.size(), 2U);
}

TEST_F(ListenerTest, LeavesTheQueueToOthersWhenItStopsWithoutRoom) {
  room = 1;
  const Fd first = connect();
  const Fd second = connect();
  turn();
  room = 2;
  listener->stop();
  EXPECT_EQ(connections.size(), 1U);
}

TEST_F(ListenerTest, TurnsOneClientAwayWhenOutOfDescriptorsAndPauses) {
  const Fd first = connect();
  const Fd second = connect();
  {
    const OutOfDescriptors none;
    turn();
  }
  EXPECT_TRUE(connections.empty());
  EXPECT_FALSE(listed());
  EXPECT_TRUE(is_at_end(first));
}

TEST_F(ListenerTest, DoesNotSpinWhileOutOfDescriptors) {
  const Fd first = connect();
  const Fd second = connect();
  const OutOfDescriptors none;
  turn();
  const std::size_t waits = fake.poller->timeouts.size();
  wait_until_listed();
  EXPECT_EQ(fake.elapsed(), std::chrono::milliseconds(100));
  EXPECT_LT(fake.poller->timeouts.size(), waits + 5);
}

TEST_F(ListenerTest, GoesOnOnceThereAreDescriptorsAgain) {
  const Fd first = connect();
  const Fd second = connect();
  {
    const OutOfDescriptors none;
    turn();
  }
  wait_until_listed();
  turn();
  EXPECT_EQ(connections.size(), 1U);
}

}  // namespace
}  // namespace brigade::cluster::detail
