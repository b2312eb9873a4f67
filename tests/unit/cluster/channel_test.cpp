#include "cluster/channel.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/fake_loop.hpp"

namespace brigade::cluster::detail {
namespace {

using testing_support::FakeLoop;

std::size_t open_descriptors() {
  std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

Message numbered(std::uint32_t number, std::string body = {}) {
  return {MessageType::listening, number, std::move(body), Fd()};
}

// One end is a Channel, the other a bare socket in the test's hands.
class ChannelTest : public testing::Test {
 protected:
  ChannelTest() {
    auto pair = Channel::make_pair().value();
    peer = std::move(pair.second);
    channel.emplace(std::move(pair.first), callbacks());
  }

  Channel::Callbacks callbacks() {
    return {[this](Message message) { received.push_back(std::move(message)); },
            [this](const char* error) { closed.push_back(error ? error : ""); }};
  }
  void turn(int times = 1) {
    for (int i = 0; i < times; ++i) fake.loop.turn(false);
  }
  void send_raw(std::string_view bytes, std::size_t fds = 0) {
    std::vector<int> numbers(fds, STDIN_FILENO);
    std::vector<char> control(CMSG_SPACE(sizeof(int) * fds));
    std::string data(bytes);
    iovec part{data.data(), data.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (fds > 0) {
      header.msg_control = control.data();
      header.msg_controllen = control.size();
      cmsghdr* rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int) * fds);
      std::memcpy(CMSG_DATA(rights), numbers.data(), sizeof(int) * fds);
    }
    ASSERT_EQ(::sendmsg(peer.get(), &header, 0), static_cast<ssize_t>(bytes.size()));
  }
  // The next frame that reached the bare end.
  std::optional<Message> read_raw() {
    std::array<char, max_frame> frame;
    const ssize_t got = ::recv(peer.get(), frame.data(), frame.size(), MSG_DONTWAIT);
    if (got <= 0) return std::nullopt;
    return decode(std::string_view(frame.data(), static_cast<std::size_t>(got)));
  }
  std::vector<std::uint32_t> sequences() const {
    std::vector<std::uint32_t> out;
    for (const Message& message : received) out.push_back(message.sequence);
    return out;
  }

  FakeLoop fake;
  Fd peer;
  std::vector<Message> received;
  std::vector<std::string> closed;
  std::optional<Channel> channel;
};

TEST_F(ChannelTest, DeliversMessagesInOrder) {
  for (std::uint32_t number : {5, 6, 7}) send_raw(encode(numbered(number, "text")));
  turn();
  EXPECT_EQ(sequences(), (std::vector<std::uint32_t>{5, 6, 7}));
  EXPECT_EQ(received[0].type, MessageType::listening);
  EXPECT_EQ(received[0].body, "text");
  EXPECT_TRUE(closed.empty());
}

TEST_F(ChannelTest, SendsMessagesInOrder) {
  for (std::uint32_t number : {1, 2}) channel->send(numbered(number));
  EXPECT_EQ(read_raw()->sequence, 1U);
  EXPECT_EQ(read_raw()->sequence, 2U);
  EXPECT_FALSE(read_raw());
}

TEST_F(ChannelTest, LeavesSomeMessagesOfAFloodForTheNextTurn) {
  for (std::uint32_t number = 0; number < 100; ++number) send_raw(encode(numbered(number)));
  turn();
  EXPECT_EQ(received.size(), 64U);
  turn();
  EXPECT_EQ(received.size(), 100U);
}

TEST_F(ChannelTest, PassesADescriptorThatIsClosedOnExec) {
  Channel other(std::move(peer), callbacks());
  Message message = numbered(1);
  message.fd = Fd(::open("/dev/null", O_RDONLY));  // not CLOEXEC on this side
  struct stat before{};
  ::fstat(message.fd.get(), &before);
  channel->send(std::move(message));
  turn();
  ASSERT_EQ(received.size(), 1U);
  const int fd = received[0].fd.get();
  struct stat after{};
  ASSERT_EQ(::fstat(fd, &after), 0);
  EXPECT_EQ(after.st_rdev, before.st_rdev);
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ChannelTest, KeepsNoDescriptorThatItHasSent) {
  Message message = numbered(1);
  message.fd = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = message.fd.get();
  channel->send(std::move(message));
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST_F(ChannelTest, LosesNoDescriptorWhenAFrameBringsTwo) {
  const std::size_t before = open_descriptors();
  send_raw(encode(numbered(1)), 2);
  turn();
  ASSERT_EQ(received.size(), 1U);
  EXPECT_TRUE(received[0].fd);
  received.clear();
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(ChannelTest, LosesNoDescriptorWhenAFrameBringsMoreThanItReads) {
  const std::size_t before = open_descriptors();
  send_raw(encode(numbered(1)), 20);
  turn();
  EXPECT_EQ(closed, std::vector<std::string>{"sent a descriptor that could not be taken (ulimit -n)"});
  EXPECT_EQ(open_descriptors(), before - 1);  // its own end is closed
}

TEST_F(ChannelTest, LosesNoDescriptorThatComesWithGarbage) {
  const std::size_t before = open_descriptors();
  send_raw("garbage", 1);
  turn();
  EXPECT_EQ(open_descriptors(), before - 1);
}

TEST_F(ChannelTest, DeliversWhatWasSentBeforeThePeerClosed) {
  for (std::uint32_t number = 0; number < 3; ++number) send_raw(encode(numbered(number)));
  peer.reset();
  turn();
  EXPECT_EQ(received.size(), 3U);
  EXPECT_EQ(closed, std::vector<std::string>{""});
  EXPECT_FALSE(channel->open());
}

TEST_F(ChannelTest, DeliversAFloodToItsEndBeforeItTellsOfTheClosing) {
  for (std::uint32_t number = 0; number < 150; ++number) send_raw(encode(numbered(number)));
  peer.reset();
  turn(2);
  EXPECT_TRUE(closed.empty());
  turn(2);
  EXPECT_EQ(received.size(), 150U);
  EXPECT_EQ(closed.size(), 1U);
}

TEST_F(ChannelTest, ClosesOnAFrameThatIsTooLong) {
  send_raw(encode(numbered(1)));
  send_raw(std::string(max_frame + 2, 'x'));
  turn();
  EXPECT_EQ(received.size(), 1U);
  EXPECT_EQ(closed, std::vector<std::string>{"sent a frame that is too long"});
}

TEST_F(ChannelTest, ClosesOnGarbage) {
  send_raw("GET / HTTP/1.1\r\n\r\n");
  turn();
  EXPECT_EQ(closed, std::vector<std::string>{"sent a frame that makes no sense"});
  EXPECT_FALSE(channel->open());
}

TEST_F(ChannelTest, DropsWhatFollowsGarbage) {
  send_raw("garbage");
  send_raw(encode(numbered(1)));
  turn(2);
  EXPECT_TRUE(received.empty());
}

TEST_F(ChannelTest, TakesAnEmptyFrameForTheEnd) {
  send_raw("");
  turn();
  EXPECT_EQ(closed.size(), 1U);
}

TEST_F(ChannelTest, CountsAPeerThatDoesNotReadAsLost) {
  std::uint32_t sent = 0;
  while (channel->open() && sent < 100'000) channel->send(numbered(sent++, std::string(4000, 'x')));
  EXPECT_EQ(closed, std::vector<std::string>{"does not read its messages"});
  EXPECT_GT(sent, 1024U);
  EXPECT_LT(sent, 5000U);
}

TEST_F(ChannelTest, SendsWhatHadToWaitOnceThePeerReadsAgain) {
  constexpr std::uint32_t all = 500;
  for (std::uint32_t number = 0; number < all; ++number) {
    channel->send(numbered(number, std::string(4000, 'x')));
  }
  std::uint32_t next = 0;
  for (int round = 0; round < 1000 && next < all; ++round) {
    while (const auto message = read_raw()) ASSERT_EQ(message->sequence, next++);
    turn();
  }
  EXPECT_EQ(next, all);
  EXPECT_TRUE(channel->open());
}

TEST_F(ChannelTest, SurvivesSendingToAPeerThatIsGone) {
  peer.reset();
  channel->send(numbered(1));
  EXPECT_TRUE(closed.empty());  // not from within send(): the loop tells
  turn();
  EXPECT_EQ(closed, std::vector<std::string>{""});
}

TEST_F(ChannelTest, StillDeliversAfterSendingToAPeerThatIsGone) {
  send_raw(encode(numbered(9)));
  peer.reset();
  channel->send(numbered(1));
  turn(2);
  EXPECT_EQ(sequences(), std::vector<std::uint32_t>{9});
}

TEST_F(ChannelTest, DropsWhatIsSentAfterItsEnd) {
  peer.reset();
  turn();
  Message message = numbered(1);
  message.fd = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = message.fd.get();
  channel->send(std::move(message));
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  EXPECT_EQ(closed.size(), 1U);
}

TEST_F(ChannelTest, ReadsWhatHasComeWithoutTheLoop) {
  send_raw(encode(numbered(3)));
  channel->receive_pending();
  EXPECT_EQ(sequences(), std::vector<std::uint32_t>{3});
  channel->receive_pending();
  EXPECT_EQ(received.size(), 1U);
}

TEST_F(ChannelTest, MayBeDestroyedInItsClosingCallback) {
  auto pair = Channel::make_pair().value();
  std::unique_ptr<Channel> doomed;
  int calls = 0;
  doomed = std::make_unique<Channel>(std::move(pair.first), Channel::Callbacks{[](Message) {},
                                                                               [&](const char*) {
                                                                                 ++calls;
                                                                                 doomed.reset();
                                                                               }});
  pair.second.reset();
  turn(2);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(doomed, nullptr);
}

TEST(ChannelPair, IsClosedOnExecAndDoesNotBlock) {
  const auto pair = Channel::make_pair().value();
  for (const int fd : {pair.first.get(), pair.second.get()}) {
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  }
}

}  // namespace
}  // namespace brigade::cluster::detail
