// A supervisor that takes over the workers of another.
#include <gtest/gtest.h>

#include <csignal>
#include <vector>

#include "cluster/supervisor.hpp"

namespace brigade::cluster {
namespace {

using std::chrono::seconds;

class SupervisorAdoptTest : public testing::Test {
 protected:
  /// All of one kind that it says now; what else it says is forgotten.
  template <class Kind>
  std::vector<Kind> said() {
    std::vector<Kind> out;
    while (const auto next = supervisor.next_action()) {
      if (const auto* one = std::get_if<Kind>(&*next)) out.push_back(*one);
    }
    return out;
  }
  const Position& position(std::uint32_t number) { return supervisor.positions()[number]; }
  void pass(Duration time) {
    now += time;
    supervisor.tick(now);
  }

  static constexpr ExitStatus crash{.signal = SIGSEGV};
  const Adopted serves{
      .worker = 7, .position = 0, .generation = 3, .restarts = 2, .listens = true, .answers = true};
  Supervisor supervisor{{.generation = 3}, 1};
  TimePoint now{std::chrono::hours(1)};
};

TEST_F(SupervisorAdoptTest, TheLivingWorkerServesInPlaceOfOneThatWasToBeStarted) {
  ASSERT_EQ(supervisor.add(), 0U);
  ASSERT_EQ(said<action::Start>().size(), 1U);
  supervisor.adopt(serves, now);
  EXPECT_EQ(position(0).worker, 7U);
  EXPECT_FALSE(position(0).starting);
  EXPECT_EQ(position(0).restarts, 2U);
  EXPECT_EQ(supervisor.find(7)->listening_since, now);
  EXPECT_TRUE(supervisor.ever_listened());
  EXPECT_FALSE(supervisor.next_action());
  EXPECT_FALSE(supervisor.next_deadline());
}

TEST_F(SupervisorAdoptTest, AStartThatWasNotFetchedIsCalledOff) {
  supervisor.add();
  supervisor.adopt(serves, now);
  EXPECT_TRUE(said<action::Start>().empty());
}

TEST_F(SupervisorAdoptTest, AWorkerBeyondThoseAskedForMakesItsPosition) {
  Adopted third = serves;
  third.position = 2;
  supervisor.adopt(third, now);
  EXPECT_EQ(supervisor.positions().size(), 3U);
  EXPECT_EQ(supervisor.wanted(), 1U);
  EXPECT_EQ(position(2).worker, 7U);
  EXPECT_EQ(supervisor.add(), 0U);
}

TEST_F(SupervisorAdoptTest, TheSecondAtAPositionIsLetGo) {
  supervisor.adopt(serves, now);
  Adopted second = serves;
  second.worker = 6;
  supervisor.adopt(second, now);
  const auto drains = said<action::Drain>();
  ASSERT_EQ(drains.size(), 1U);
  EXPECT_EQ(drains[0].worker, 6U);
  EXPECT_EQ(position(0).worker, 7U);
  supervisor.died(6, {.code = 0}, now);
  EXPECT_TRUE(said<action::Start>().empty());
}

TEST_F(SupervisorAdoptTest, OneThatDrainsHasNoPositionAndIsKilledWhenItsTimeIsOver) {
  Adopted leaving = serves;
  leaving.leaving = true;
  leaving.answers = false;
  supervisor.adopt(leaving, now);
  EXPECT_EQ(supervisor.wanted(), 0U);
  pass(seconds(20));
  EXPECT_FALSE(supervisor.next_action());
  pass(seconds(11));
  const auto kills = said<action::Kill>();
  ASSERT_EQ(kills.size(), 1U);
  EXPECT_EQ(kills[0].why, action::Why::not_gone);
}

TEST_F(SupervisorAdoptTest, OneThatDoesNotAnswerIsKilledAndReplaced) {
  Adopted silent = serves;
  silent.answers = false;
  supervisor.adopt(silent, now);
  pass(seconds(10));
  const auto kills = said<action::Kill>();
  ASSERT_EQ(kills.size(), 1U);
  EXPECT_EQ(kills[0].why, action::Why::not_answering);
  supervisor.died(7, {.signal = SIGKILL}, now);
  const auto starts = said<action::Start>();
  ASSERT_EQ(starts.size(), 1U);
  EXPECT_EQ(starts[0].position, 0U);
}

TEST_F(SupervisorAdoptTest, OneThatAnswersLateGoesOn) {
  Adopted silent = serves;
  silent.answers = false;
  supervisor.adopt(silent, now);
  pass(seconds(9));
  supervisor.answered(7);
  EXPECT_FALSE(supervisor.next_deadline());
}

TEST_F(SupervisorAdoptTest, OneThatDiesIsReplacedByTheProgramThatRuns) {
  Adopted old = serves;
  old.generation = 2;
  supervisor.adopt(old, now);
  EXPECT_EQ(supervisor.find(7)->generation, 2U);
  now += seconds(5);
  supervisor.died(7, crash, now);
  const auto starts = said<action::Start>();
  ASSERT_EQ(starts.size(), 1U);
  EXPECT_EQ(starts[0].generation, 3U);
  EXPECT_TRUE(starts[0].restart);
}

TEST_F(SupervisorAdoptTest, AReloadHasANumberThatNoLivingWorkerHas) {
  Adopted newer = serves;
  newer.generation = 5;  // of a reload that was being taken back
  supervisor.adopt(newer, now);
  ASSERT_TRUE(supervisor.reload(now));
  const auto opens = said<action::OpenPrograms>();
  ASSERT_EQ(opens.size(), 1U);
  EXPECT_EQ(opens[0].generation, 6U);
}

TEST_F(SupervisorAdoptTest, WhileStoppingItIsLetGo) {
  supervisor.stop(SIGTERM, now);
  EXPECT_EQ(said<action::End>().size(), 1U);
  supervisor.adopt(serves, now);
  EXPECT_EQ(said<action::Drain>().size(), 1U);
  supervisor.died(7, {.code = 0}, now);
  EXPECT_EQ(said<action::End>().size(), 1U);
}

TEST_F(SupervisorAdoptTest, OneOfAReloadHasToListenInTime) {
  Adopted young = serves;
  young.listens = false;
  supervisor.adopt(young, now);
  pass(seconds(30));
  const auto kills = said<action::Kill>();
  ASSERT_EQ(kills.size(), 1U);
  EXPECT_EQ(kills[0].why, action::Why::not_listening);
}

TEST_F(SupervisorAdoptTest, OneOfTheFirstGenerationMayTakeItsTime) {
  Adopted young = serves;
  young.generation = 1;
  young.listens = false;
  supervisor.adopt(young, now);
  EXPECT_FALSE(supervisor.next_deadline());
  supervisor.listens(7, now);
  EXPECT_TRUE(position(0).proven);
}

}  // namespace
}  // namespace brigade::cluster
