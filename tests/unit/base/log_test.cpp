#include <gtest/gtest.h>
#include <brigade/log.hpp>

#include <algorithm>
#include <string>

namespace brigade {
namespace {

class LogTest : public testing::Test {
 protected:
  LogTest() { log::set_level(log::Level::info); }
  ~LogTest() override { log::set_level(log::Level::info); }
  template <class Function>
  static std::string captured(Function function) {
    testing::internal::CaptureStderr();
    function();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, EscapeLeavesPlainTextAlone) {
  EXPECT_EQ(log::escape("GET /a?b=c~ 'x'"), "GET /a?b=c~ 'x'");
}

TEST_F(LogTest, EscapeShowsWhatCouldForgeARecord) {
  EXPECT_EQ(log::escape("a\r\nb\tc"), "a\\x0d\\x0ab\\x09c");
  EXPECT_EQ(log::escape("\x1b[31m\x7f"), "\\x1b[31m\\x7f");
  EXPECT_EQ(log::escape(std::string_view("\0", 1)), "\\x00");
}

TEST_F(LogTest, EscapeShowsQuotesBackslashesAndBytesThatAreNotAscii) {
  EXPECT_EQ(log::escape("\"\\"), "\\x22\\x5c");
  EXPECT_EQ(log::escape("\xc3\xa9"), "\\xc3\\xa9");
}

TEST_F(LogTest, EscapeCutsAtAKibibyte) {
  EXPECT_EQ(log::escape(std::string(1024, 'a')), std::string(1024, 'a'));
  EXPECT_EQ(log::escape(std::string(1025, 'a')), std::string(1024, 'a') + "...");
  EXPECT_EQ(log::escape(std::string(1'000'000, '\n')).size(), 1024U * 4 + 3);
}

TEST_F(LogTest, WritesOneLineWithItsLevel) {
  const std::string out = captured([] { log::warn("worker {} died", 7); });
  EXPECT_NE(out.find("warning: worker 7 died\n"), std::string::npos) << out;
}

TEST_F(LogTest, RecordIsOneLineWhateverIsInIt) {
  const std::string out = captured([] { log::info("{}", "one\ntwo\r\x1b"); });
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
  EXPECT_NE(out.find("one\\x0atwo\\x0d\\x1b"), std::string::npos) << out;
}

TEST_F(LogTest, WritesUtf8AsItIs) {
  const std::string out = captured([] { log::info("caf\xc3\xa9"); });
  EXPECT_NE(out.find("caf\xc3\xa9"), std::string::npos) << out;
}

TEST_F(LogTest, DoesNotTakeBracesInTextForItsFormat) {
  const std::string out = captured([] { log::write(log::Level::info, "{} {0} %s"); });
  EXPECT_NE(out.find("{} {0} %s"), std::string::npos) << out;
}

TEST_F(LogTest, LeavesOutWhatIsBelowItsLevel) {
  log::set_level(log::Level::warn);
  EXPECT_EQ(captured([] { log::info("no"); }), "");
  EXPECT_NE(captured([] { log::error("yes"); }), "");
  log::set_level(log::Level::off);
  EXPECT_EQ(captured([] { log::error("no"); }), "");
}

}  // namespace
}  // namespace brigade
