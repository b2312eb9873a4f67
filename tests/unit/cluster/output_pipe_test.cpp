#include "cluster/output_pipe.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "self_spawn.hpp"
#include "support/fake_loop.hpp"

namespace brigade::cluster::detail {
namespace {

using Lines = std::vector<std::string>;

class OutputPipeTest : public testing::Test {
 protected:
  OutputPipeTest() { open({}); }
  void open(OutputPipe::Options options) {
    auto ends = OutputPipe::make_pair(OutputPipe::WhenFull::it_waits).value();
    worker = std::move(ends.second);
    options.on_line = [this](std::string_view line) { lines.emplace_back(line); };
    pipe.emplace(std::move(ends.first), std::move(options));
  }
  void write(std::string_view text) { test::write_all(worker.get(), text); }
  void turn(int times = 1) {
    for (int i = 0; i < times; ++i) fake.loop.turn(false);
  }

  testing_support::FakeLoop fake;
  Fd worker;
  Lines lines;
  std::optional<OutputPipe> pipe;
};

TEST_F(OutputPipeTest, HandsOnLineByLine) {
  write("one\n\ntwo\n");
  turn();
  EXPECT_EQ(lines, (Lines{"one", "", "two"}));
}

TEST_F(OutputPipeTest, PutsALineTogetherThatComesInPieces) {
  write("on");
  turn();
  EXPECT_TRUE(lines.empty());
  write("e\n");
  turn();
  EXPECT_EQ(lines, Lines{"one"});
}

TEST_F(OutputPipeTest, CutsALineThatIsTooLong) {
  write(std::string(OutputPipe::max_line + 5, 'x') + "\n");
  turn();
  EXPECT_EQ(lines, (Lines{std::string(OutputPipe::max_line, 'x'), "xxxxx"}));
}

TEST_F(OutputPipeTest, TakesWhatTheProgramWroteLastForALine) {
  write("one\ntw");
  worker.reset();
  turn(2);
  EXPECT_EQ(lines, (Lines{"one", "tw"}));
}

TEST_F(OutputPipeTest, ReadsTheRestWithoutTheLoop) {
  write("one\ntwo");
  pipe->read_rest();
  EXPECT_EQ(lines, (Lines{"one", "two"}));
}

TEST_F(OutputPipeTest, KeepsTheLastLinesAndNoMore) {
  for (std::size_t i = 0; i < OutputPipe::kept_lines + 2; ++i) write(std::to_string(i) + "\n");
  write(std::string(OutputPipe::kept_line_bytes + 1, 'x') + "\n");
  turn();
  ASSERT_EQ(pipe->last_lines().size(), OutputPipe::kept_lines);
  EXPECT_EQ(pipe->last_lines().front(), "3");
  EXPECT_EQ(pipe->last_lines().back(), std::string(OutputPipe::kept_line_bytes, 'x'));
}

TEST_F(OutputPipeTest, PassesWholeLinesOn) {
  auto copy = OutputPipe::make_pair(OutputPipe::WhenFull::it_waits).value();
  ErrorSink sink(copy.second.get());
  open({.pass_on = &sink});
  write("one\ntw");
  turn();
  char text[16] = {};
  EXPECT_EQ(::read(copy.first.get(), text, sizeof text), 4);
  EXPECT_STREQ(text, "one\n");
  worker.reset();
  turn(2);
  EXPECT_EQ(::read(copy.first.get(), text, sizeof text), 3);
  EXPECT_STREQ(text, "tw\n\n");
}

TEST_F(OutputPipeTest, KeepsALineThatIsTakenAwayFromEverybody) {
  open({.intercept = [](std::string_view line) { return line == "two"; }});
  write("one\ntwo\nthree\n");
  turn();
  EXPECT_EQ(lines, (Lines{"one", "three"}));
  EXPECT_EQ(pipe->last_lines().size(), 2U);
}

TEST_F(OutputPipeTest, LetsTheProgramWaitOrLoseWhatDoesNotFit) {
  const auto waits = OutputPipe::make_pair(OutputPipe::WhenFull::it_waits).value();
  EXPECT_EQ(::fcntl(waits.second.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(waits.second.get(), F_GETFD) & FD_CLOEXEC, 0);
  const auto loses = OutputPipe::make_pair(OutputPipe::WhenFull::it_loses).value();
  EXPECT_NE(::fcntl(loses.second.get(), F_GETFL) & O_NONBLOCK, 0);
}

}  // namespace
}  // namespace brigade::cluster::detail
