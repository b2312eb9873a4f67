#include "cluster/stack_report.hpp"

#include <gtest/gtest.h>

namespace brigade::cluster::detail {
namespace {

TEST(StackReport, IsReadFromALine) {
  const auto report = parse_stack_report(
      "brigade-stack|fault|11|7f0a|4711|app:_0|/users/:id| +1a2b libc.so.6+29d90 ?+5");
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->fatal);
  EXPECT_EQ(report->signal, 11);
  EXPECT_EQ(report->address, 0x7f0aU);
  EXPECT_EQ(report->thread, 4711);
  EXPECT_EQ(report->thread_name, "app:_0");
  EXPECT_EQ(report->task, "/users/:id");
  ASSERT_EQ(report->frames.size(), 3U);
  EXPECT_EQ(text_of(report->frames[0]), "+0x1a2b");
  EXPECT_EQ(text_of(report->frames[1]), "libc.so.6+0x29d90");
}

TEST(StackReport, MayHaveNoTaskAndNoFrames) {
  const auto report = parse_stack_report("brigade-stack|stack|61|0|1|x||");
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->fatal);
  EXPECT_TRUE(report->frames.empty());
}

TEST(StackReport, IsNotFoundInOtherLines) {
  for (const char* line :
       {"", "brigade-stack", "brigade-stack|", "brigade-stack|fault",
        "brigade-stack|other|1|0|1|||", "brigade-stack|fault|x|0|1|||",
        "brigade-stack|fault|1|0|99999999999|||", "brigade-stack|fault|1|0|1|a|b| nonsense",
        "brigade-stack|fault|1|0|1|a|b| +xyz", " brigade-stack|fault|1|0|1|||"}) {
    EXPECT_FALSE(parse_stack_report(line)) << line;
  }
}

TEST(StackReport, TakesNoMoreFramesThanAStackMayHave) {
  std::string line = "brigade-stack|fault|1|0|1|a|b|";
  for (int i = 0; i < 1000; ++i) line += " +1";
  EXPECT_EQ(parse_stack_report(line)->frames.size(), max_frames);
}

}  // namespace
}  // namespace brigade::cluster::detail
