#include "cluster/error_sink.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <string>
#include <utility>

namespace brigade::cluster::detail {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
    ::fcntl(writer.get(), F_SETPIPE_SZ, 4096);
    ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
  }
  std::string take() const {
    std::string out(1 << 20, '\0');
    const ssize_t got = ::read(reader.get(), out.data(), out.size());
    out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return out;
  }
  Fd reader, writer;
};

std::string lines(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += std::string(99, 'x') + "\n";
  return out;
}

TEST(ErrorSink, DoesNotWaitForAReaderAndSaysWhatIsLost) {
  Pipe pipe;
  ErrorSink sink(pipe.writer.get());
  sink.write(lines(40));
  EXPECT_EQ(sink.dropped_lines(), 0U);
  sink.write(lines(3));  // 4096 bytes hold 40 lines
  EXPECT_EQ(sink.dropped_lines(), 3U);
  EXPECT_EQ(pipe.take(), lines(40));
  sink.write("more\n");
  const std::string rest = pipe.take();
  EXPECT_NE(rest.find("3 lines of workers' standard error are lost"), std::string::npos) << rest;
  EXPECT_TRUE(rest.ends_with("\nmore\n")) << rest;
}

TEST(ErrorSink, WritesWholeLinesOfAnyLength) {
  Pipe pipe;
  ErrorSink sink(pipe.writer.get());
  const std::string longer = std::string(PIPE_BUF + 1000, 'y') + "\n";
  std::string got;
  sink.write(longer + "z\n");
  got += pipe.take();
  sink.write("next\n");
  got += pipe.take();
  EXPECT_EQ(got.substr(0, longer.size()), longer);
  EXPECT_TRUE(got.ends_with("\nnext\n"));
}

TEST(ErrorSink, LeavesTheDescriptorOfOthersAsItIs) {
  Pipe pipe;
  const ErrorSink sink(pipe.writer.get());
  EXPECT_EQ(::fcntl(pipe.writer.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(ErrorSink, WritesToASocketWithoutWaiting) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const Fd reader(ends[0]), writer(ends[1]);
  ErrorSink sink(writer.get());
  for (int i = 0; i < 100; ++i) sink.write(lines(100));
  EXPECT_GT(sink.dropped_lines(), 0U);
}

TEST(ErrorSink, AppendsToAFile) {
  std::string path = testing::TempDir() + "brigade-sink-XXXXXX";
  const Fd file(::mkstemp(path.data()));
  ErrorSink sink(file.get());
  sink.write("one\ntwo\n");
  std::array<char, 16> text{};
  EXPECT_EQ(::pread(file.get(), text.data(), text.size(), 0), 8);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace brigade::cluster::detail
