#include <gtest/gtest.h>
#include <brigade/exit_reason.hpp>

#include <csignal>
#include <set>
#include <string>

#include "cluster/exit_judge.hpp"

namespace brigade::cluster {
namespace {

constexpr ExitStatus killed{0, SIGKILL};

TEST(JudgeExit, TakesWhatThePrimaryMeantForTheCauseWhateverTheStatus) {
  EXPECT_EQ(judge_exit({7, 0}, ExitCause::requested, OomEvidence::none), ExitCause::requested);
  EXPECT_EQ(judge_exit(killed, ExitCause::hung, OomEvidence::counted), ExitCause::hung);
}

TEST(JudgeExit, TellsACodeFromASignal) {
  EXPECT_EQ(judge_exit({0, 0}, {}, OomEvidence::none), ExitCause::exited);
  EXPECT_EQ(judge_exit({0, SIGSEGV}, {}, OomEvidence::none), ExitCause::signalled);
}

TEST(JudgeExit, PutsASigkillDownToTheKernelOnlyWhereThatCountedOne) {
  EXPECT_EQ(judge_exit(killed, {}, OomEvidence::none), ExitCause::signalled);
  EXPECT_EQ(judge_exit(killed, {}, OomEvidence::counted), ExitCause::out_of_memory);
  EXPECT_EQ(judge_exit({0, SIGTERM}, {}, OomEvidence::counted), ExitCause::signalled);
}

TEST(JudgeExit, DoesNotKnowWhoSentASigkillWhereTheKernelDoesNotTell) {
  EXPECT_EQ(judge_exit(killed, {}, OomEvidence::unsure), ExitCause::unknown);
}

TEST(ExitReason, SaysItInALine) {
  ExitReason reason{.cause = ExitCause::hung, .status = killed, .detail = "in GET /block"};
  EXPECT_EQ(reason.text(), "was killed by SIGKILL, as it hung: in GET /block");
  reason = {.status = {3, 0}};
  EXPECT_EQ(reason.text(), "exited with code 3");
}

TEST(ExitReason, HasANameForEachCause) {
  std::set<std::string_view> names;
  for (int cause = 0; cause <= static_cast<int>(ExitCause::lost_channel); ++cause) {
    names.insert(name_of(static_cast<ExitCause>(cause)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ExitCause::lost_channel) + 1);
}

}  // namespace
}  // namespace brigade::cluster
