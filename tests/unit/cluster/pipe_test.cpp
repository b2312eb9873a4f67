#include "cluster/pipe.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "support/fake_loop.hpp"

namespace brigade::cluster::detail {
namespace {

std::size_t open_descriptors() {
  std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::vector<Fd> descriptors(int count) {
  std::vector<Fd> out;
  for (int i = 0; i < count; ++i) out.emplace_back(::eventfd(0, EFD_CLOEXEC));
  return out;
}

// What a Pipe hears and says.
struct End {
  explicit End(Fd socket, PipeLimits limits = {})
      : pipe(std::in_place, std::move(socket), limits,
             Pipe::Callbacks{
                 .on_frame = [this](Frame& frame, const char*&) { return take(frame); },
                 .on_room = [this] { ++rooms; },
                 .on_closed =
                     [this](const char* error) { closed.emplace_back(error ? error : ""); }}) {}
  bool take(Frame& frame) {
    sequences.push_back(frame.sequence);
    bytes += frame.body.size();
    for (Fd& each : frame.descriptors) got.push_back(std::move(each));
    if (frame.descriptors_lost) ++lost;
    return true;
  }
  bool send(std::uint32_t sequence, std::size_t size = 0, std::vector<Fd> fds = {}) {
    Bytes& out = pipe->begin_frame();
    out.resize(out.size() + size);
    return pipe->end_frame(FrameKind::message, sequence, std::move(fds));
  }

  std::vector<std::uint32_t> sequences;
  std::size_t bytes = 0;
  std::vector<Fd> got;
  int lost = 0;
  int rooms = 0;
  std::vector<std::string> closed;
  std::optional<Pipe> pipe;
};

using Numbers = std::vector<std::uint32_t>;

Numbers counted(std::uint32_t to) {
  Numbers out(to);
  for (std::uint32_t i = 0; i < to; ++i) out[i] = i;
  return out;
}

class PipeTest : public testing::Test {
 protected:
  PipeTest() : ends(Pipe::make_pair().value()) {}
  void turn(int times = 1) {
    for (int i = 0; i < times; ++i) fake.loop.turn(false);
  }
  void send_raw(std::string_view text, const std::vector<Fd>& fds = {}) {
    std::vector<char> control(CMSG_SPACE(sizeof(int) * fds.size()));
    std::string data(text);
    iovec part{data.data(), data.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
      header.msg_control = control.data();
      header.msg_controllen = control.size();
      cmsghdr* rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
      for (std::size_t i = 0; i < fds.size(); ++i) {
        const int fd = fds[i].get();
        std::memcpy(CMSG_DATA(rights) + i * sizeof fd, &fd, sizeof fd);
      }
    }
    ASSERT_EQ(::sendmsg(ends.second.get(), &header, 0), static_cast<ssize_t>(text.size()));
  }

  testing_support::FakeLoop fake;
  std::pair<Fd, Fd> ends;
};

TEST_F(PipeTest, DeliversInOrder) {
  End a(std::move(ends.first)), b(std::move(ends.second));
  for (std::uint32_t i = 0; i < 5; ++i) a.send(i, 64);
  turn(2);
  EXPECT_EQ(b.sequences, counted(5));
  EXPECT_EQ(b.bytes, 5U * 64);
}

TEST_F(PipeTest, WritesWhatATurnPutsInAtOnceAtItsEnd) {
  End a(std::move(ends.first));
  for (std::uint32_t i = 0; i < 100; ++i) a.send(i, 64);
  std::array<char, 64> early;
  EXPECT_EQ(::recv(ends.second.get(), early.data(), early.size(), MSG_DONTWAIT), -1);
  turn();
  std::vector<char> all(100'000);
  EXPECT_EQ(::recv(ends.second.get(), all.data(), all.size(), MSG_DONTWAIT),
            static_cast<ssize_t>(100 * (64 + sizeof(FrameHeader))));
}

TEST_F(PipeTest, KeepsTheOrderOfFramesWithAndWithoutDescriptors) {
  End a(std::move(ends.first)), b(std::move(ends.second));
  for (std::uint32_t i = 0; i < 200; ++i) a.send(i, 1000, descriptors(i % 3 == 0 ? 2 : 0));
  for (int round = 0; round < 100 && b.sequences.size() < 200; ++round) turn();
  EXPECT_EQ(b.sequences, counted(200));
  EXPECT_EQ(b.got.size(), 2U * 67);
  EXPECT_TRUE(b.closed.empty());
}

TEST_F(PipeTest, PassesOnTheVeryDescriptorsClosedOnExec) {
  End a(std::move(ends.first)), b(std::move(ends.second));
  Fd event(::eventfd(0, 0));
  const Fd kept(::fcntl(event.get(), F_DUPFD_CLOEXEC, 0));
  std::vector<Fd> fds;
  fds.push_back(std::move(event));
  a.send(1, 900'000, std::move(fds));  // a large body along with it
  for (int round = 0; round < 1000 && b.got.empty(); ++round) turn();
  ASSERT_EQ(b.got.size(), 1U);
  EXPECT_EQ(b.bytes, 900'000U);
  const std::uint64_t three = 3;
  ASSERT_EQ(::write(kept.get(), &three, sizeof three), 8);
  std::uint64_t seen = 0;
  ASSERT_EQ(::read(b.got[0].get(), &seen, sizeof seen), 8);
  EXPECT_EQ(seen, 3U);
  EXPECT_NE(::fcntl(b.got[0].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(PipeTest, PassesAsManyDescriptorsAsTheKernelAllows) {
  End a(std::move(ends.first)), b(std::move(ends.second));
  EXPECT_TRUE(a.send(1, 0, descriptors(most_descriptors)));
  EXPECT_FALSE(a.send(2, 0, descriptors(most_descriptors + 1)));
  turn(2);
  EXPECT_EQ(b.got.size(), most_descriptors);
  EXPECT_EQ(b.sequences, Numbers{1});
}

TEST_F(PipeTest, SaysWhenItsQueueIsFullAndWhenThereIsRoomAgain) {
  End a(std::move(ends.first), {.max_queued = 500'000});
  std::uint32_t sent = 0;
  while (a.pipe->has_room() && sent < 1000) a.send(sent++, 10'000);
  EXPECT_LT(sent, 1000U);
  EXPECT_LE(a.pipe->queued(), 510'016U);
  EXPECT_EQ(a.rooms, 0);
  End b(std::move(ends.second));
  for (int round = 0; round < 1000 && b.sequences.size() < sent; ++round) turn();
  EXPECT_EQ(b.sequences, counted(sent));
  EXPECT_EQ(a.rooms, 1);
  EXPECT_EQ(a.pipe->queued(), 0U);
}

TEST_F(PipeTest, RefusesAFrameThatIsTooLong) {
  End a(std::move(ends.first), {.max_body = 100});
  EXPECT_FALSE(a.send(1, 101));
  EXPECT_EQ(a.pipe->queued(), 0U);
  EXPECT_TRUE(a.send(2, 100));
}

TEST_F(PipeTest, ReadsAFloodInSeveralTurns) {
  End a(std::move(ends.first), {.max_queued = 10'000'000}), b(std::move(ends.second));
  for (std::uint32_t i = 0; i < 20'000; ++i) a.send(i, 64);
  turn();
  EXPECT_LT(b.sequences.size(), 4000U);
  for (int round = 0; round < 1000 && b.sequences.size() < 20'000; ++round) turn();
  EXPECT_EQ(b.sequences, counted(20'000));
}

TEST_F(PipeTest, DeliversWhatWasSentBeforeThePeerClosed) {
  End b(std::move(ends.second));
  {
    End a(std::move(ends.first));
    for (std::uint32_t i = 0; i < 3; ++i) a.send(i);
    EXPECT_TRUE(a.pipe->flush_now(std::chrono::seconds(20)));
  }
  turn(2);
  EXPECT_EQ(b.sequences, counted(3));
  EXPECT_EQ(b.closed, std::vector<std::string>{""});
}

TEST_F(PipeTest, StillReadsAfterItHasWrittenToAPeerThatIsGone) {
  End b(std::move(ends.second));
  {
    End a(std::move(ends.first));
    a.send(0);
    a.pipe->flush_now(std::chrono::seconds(20));
  }
  b.send(9);
  turn(2);
  EXPECT_EQ(b.sequences, counted(1));
  EXPECT_EQ(b.closed.size(), 1U);
  EXPECT_FALSE(b.send(10));
}

TEST_F(PipeTest, ClosesOnGarbageAndOnNothingElse) {
  End a(std::move(ends.first));
  send_raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  turn();
  EXPECT_EQ(a.closed, std::vector<std::string>{"sent a frame that makes no sense"});
  EXPECT_FALSE(a.pipe->open());
}

TEST_F(PipeTest, ClosesUnexpectedDescriptorsAndThePipe) {
  const auto fds = descriptors(3);
  const std::size_t before = open_descriptors();
  End a(std::move(ends.first));
  send_raw(std::string_view("\x1d\xb3\1\1\0\0\0\0\0\0\0\0\0\0\0\0", 16), fds);
  turn();
  EXPECT_EQ(a.closed, std::vector<std::string>{"sent descriptors that belong to no message"});
  EXPECT_EQ(open_descriptors(), before - 1);  // its own end
}

TEST_F(PipeTest, LosesAMessageWhoseDescriptorsItCannotTakeAndNoOther) {
  End a(std::move(ends.first)), b(std::move(ends.second));
  a.send(1, 10);
  a.send(2, 10, descriptors(20));
  a.send(3, 10);
  a.pipe->flush_now(std::chrono::seconds(20));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{open_descriptors() + 3, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  turn(2);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(b.sequences, (Numbers{1, 2, 3}));
  EXPECT_EQ(b.lost, 1);
  EXPECT_TRUE(b.got.empty());
  EXPECT_TRUE(b.closed.empty());
}

TEST_F(PipeTest, GivesUpFlushingWhenThePeerDoesNotRead) {
  End a(std::move(ends.first), {.max_queued = 10'000'000});
  for (std::uint32_t i = 0; i < 500; ++i) a.send(i, 10'000);
  EXPECT_FALSE(a.pipe->flush_now(std::chrono::milliseconds(1)));
}

TEST_F(PipeTest, MayBeClosedByWhatItDelivers) {
  std::optional<Pipe> pipe;
  int frames = 0;
  pipe.emplace(std::move(ends.first), PipeLimits{},
               Pipe::Callbacks{.on_frame =
                                   [&](Frame&, const char*&) {
                                     ++frames;
                                     pipe->close();
                                     return true;
                                   },
                               .on_room = nullptr,
                               .on_closed = nullptr});
  End b(std::move(ends.second));
  b.send(1);
  b.send(2);
  turn(3);
  EXPECT_EQ(frames, 1);
  EXPECT_EQ(b.closed.size(), 1U);
}

}  // namespace
}  // namespace brigade::cluster::detail
