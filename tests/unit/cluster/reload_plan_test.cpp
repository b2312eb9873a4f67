#include "cluster/reload_plan.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace brigade::cluster {
namespace {

// "start 0", "drain 0", "finished", "failed 0"; empty: wait.
std::string show(const ReloadPlan::Step& step) {
  if (const auto* start = std::get_if<ReloadPlan::Start>(&step)) {
    return "start " + std::to_string(start->number);
  }
  if (const auto* drain = std::get_if<ReloadPlan::DrainOld>(&step)) {
    return "drain " + std::to_string(drain->number);
  }
  if (const auto* failed = std::get_if<ReloadPlan::Failed>(&step)) {
    return "failed " + std::to_string(failed->number);
  }
  return std::holds_alternative<ReloadPlan::Finished>(step) ? "finished" : "";
}

TEST(ReloadPlan, ReplacesOnePositionAfterAnother) {
  ReloadPlan plan;
  EXPECT_EQ(show(plan.request({4, 7})), "start 4");
  EXPECT_EQ(show(plan.successor_listens()), "drain 4");
  EXPECT_EQ(show(plan.predecessor_gone()), "start 7");
  EXPECT_EQ(show(plan.successor_listens()), "drain 7");
  EXPECT_EQ(show(plan.predecessor_gone()), "finished");
  EXPECT_FALSE(plan.running());
}

TEST(ReloadPlan, SaysWhichPositionItIsAt) {
  ReloadPlan plan;
  EXPECT_EQ(plan.current(), std::nullopt);
  plan.request({4, 7});
  EXPECT_EQ(plan.current(), 4U);
  plan.successor_listens();
  EXPECT_EQ(plan.current(), 4U);
  plan.predecessor_gone();
  EXPECT_EQ(plan.current(), 7U);
}

TEST(ReloadPlan, OfNothingIsFinishedAtOnce) {
  ReloadPlan plan;
  EXPECT_EQ(show(plan.request({})), "finished");
  EXPECT_FALSE(plan.running());
}

TEST(ReloadPlan, EndsWhenASuccessorFails) {
  ReloadPlan plan;
  plan.request({0, 1});
  EXPECT_EQ(show(plan.successor_failed()), "failed 0");
  EXPECT_FALSE(plan.running());
  EXPECT_EQ(plan.current(), std::nullopt);
}

TEST(ReloadPlan, StartsAnewAfterAFailure) {
  ReloadPlan plan;
  plan.request({0, 1});
  plan.successor_failed();
  EXPECT_EQ(show(plan.request({0, 1})), "start 0");
}

TEST(ReloadPlan, IgnoresEveryEventWhileIdle) {
  ReloadPlan plan;
  EXPECT_EQ(show(plan.successor_listens()), "");
  EXPECT_EQ(show(plan.predecessor_gone()), "");
  EXPECT_EQ(show(plan.successor_failed()), "");
  EXPECT_FALSE(plan.running());
}

TEST(ReloadPlan, WaitsForTheSuccessorAlsoWhenThePredecessorDiesFirst) {
  ReloadPlan plan;
  plan.request({0, 1});
  EXPECT_EQ(show(plan.predecessor_gone()), "");
  EXPECT_EQ(plan.current(), 0U);
  EXPECT_EQ(show(plan.successor_listens()), "drain 0");
}

TEST(ReloadPlan, IgnoresASecondSocketOfTheSameSuccessor) {
  ReloadPlan plan;
  plan.request({0, 1});
  plan.successor_listens();
  EXPECT_EQ(show(plan.successor_listens()), "");
  EXPECT_EQ(plan.current(), 0U);
}

TEST(ReloadPlan, IgnoresTheDeathOfASuccessorThatHasListened) {
  ReloadPlan plan;
  plan.request({0, 1});
  plan.successor_listens();
  EXPECT_EQ(show(plan.successor_failed()), "");
  EXPECT_EQ(show(plan.predecessor_gone()), "start 1");
}

TEST(ReloadPlan, RepeatsOnceHoweverOftenItWasAskedMeanwhile) {
  ReloadPlan plan;
  plan.request({0});
  EXPECT_EQ(show(plan.request({0})), "");
  EXPECT_EQ(show(plan.request({0})), "");
  plan.successor_listens();
  plan.predecessor_gone();
  EXPECT_TRUE(plan.take_repeat());
  EXPECT_FALSE(plan.take_repeat());
}

TEST(ReloadPlan, KeepsARequestThatCameBeforeAFailure) {
  ReloadPlan plan;
  plan.request({0});
  plan.request({0});
  plan.successor_failed();
  EXPECT_TRUE(plan.take_repeat());
}

TEST(ReloadPlan, ForgetsEverythingWhenAbandoned) {
  ReloadPlan plan;
  plan.request({0, 1});
  plan.request({0, 1});
  plan.abandon();
  EXPECT_FALSE(plan.running());
  EXPECT_FALSE(plan.take_repeat());
  EXPECT_EQ(show(plan.successor_listens()), "");
}

// Random events against what the rules say of them.
class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {}

  void step() {
    switch (random_() % 6) {
      case 0:
        return check(plan_.request({0, 1, 2}));
      case 1:
        return listens();
      case 2:
        return check(plan_.predecessor_gone());
      case 3:
        return fails();
      case 4:
        if (random_() % 8 == 0) abandon();
        return;
      default:
        plan_.take_repeat();
    }
  }

 private:
  void listens() {
    listening_ = starting_;
    check(plan_.successor_listens());
  }
  void fails() {
    const auto step = plan_.successor_failed();
    if (std::holds_alternative<ReloadPlan::Failed>(step)) starting_.clear();
    check(step);
  }
  void abandon() {
    plan_.abandon();
    starting_.clear();
    listening_.clear();
  }
  void check(const ReloadPlan::Step& step) {
    if (const auto* start = std::get_if<ReloadPlan::Start>(&step)) {
      EXPECT_TRUE(starting_.empty()) << "two successors at once";
      starting_ = {start->number};
      listening_.clear();
    }
    if (const auto* drain = std::get_if<ReloadPlan::DrainOld>(&step)) {
      EXPECT_TRUE(listening_.contains(drain->number)) << "drained before its successor listens";
      starting_.clear();
    }
    if (std::holds_alternative<ReloadPlan::Finished>(step)) {
      EXPECT_FALSE(plan_.running());
    }
    EXPECT_EQ(plan_.running(), plan_.current().has_value());
  }

  std::mt19937 random_;
  ReloadPlan plan_;
  std::set<std::uint32_t> starting_;   // successors that have not listened yet
  std::set<std::uint32_t> listening_;  // successors that have, of the position it is at
};

TEST(ReloadPlan, KeepsItsPromisesUnderRandomEvents) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    for (int event = 0; event < 300; ++event) model.step();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace brigade::cluster
