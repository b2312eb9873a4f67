#include <gtest/gtest.h>
#include <brigade/log.hpp>
#include <brigade/sleep.hpp>
#include <brigade/task_group.hpp>
#include "support/counted.hpp"
#include "support/gate.hpp"
#include "support/root.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace brigade {
namespace {

using std::chrono::milliseconds;
using testing_support::Counted;
using testing_support::FakeLoop;
using testing_support::Gate;
using testing_support::Root;

class TaskGroupTest : public testing_support::NothingLeft {
 protected:
  TaskGroupTest() { log::set_level(log::Level::off); }
  ~TaskGroupTest() override { log::set_level(log::Level::info); }
  FakeLoop fake;
  Gate gate;
};

Task<> wait_at(Gate& gate, int& passed) {
  Counted kept;
  co_await gate.passage();
  ++passed;
}
Task<> join(TaskGroup& group) {
  co_await group.join();
}
template <class Thrown>
Task<> fail(Thrown thrown) {
  co_await yield();
  throw thrown;
}

TEST_F(TaskGroupTest, StartsATaskBeforeSpawnReturns) {
  TaskGroup group;
  bool began = false;
  group.spawn([](bool& flag) -> Task<> {
    flag = true;
    co_return;
  }(began));
  EXPECT_TRUE(began);
  EXPECT_EQ(group.size(), 0U);
}

TEST_F(TaskGroupTest, JoinWaitsForAll) {
  TaskGroup group;
  int passed = 0;
  for (int i = 0; i < 3; ++i) group.spawn(wait_at(gate, passed));
  Root root(join(group));
  root.start();
  fake.loop.turn(false);
  EXPECT_FALSE(root.done());
  gate.open();
  run_until_done(fake, root);
  EXPECT_EQ(passed, 3);
  EXPECT_EQ(group.size(), 0U);
}

TEST_F(TaskGroupTest, JoinOfAnEmptyGroupReturnsAtOnce) {
  TaskGroup group;
  fake.loop.run(join(group));
  EXPECT_TRUE(fake.poller->timeouts.empty());
}

TEST_F(TaskGroupTest, MayBeJoinedByMoreThanOne) {
  TaskGroup group;
  int passed = 0;
  group.spawn(wait_at(gate, passed));
  Root one(join(group));
  Root two(join(group));
  one.start();
  two.start();
  gate.open();
  run_until_done(fake, one);
  run_until_done(fake, two);
  EXPECT_EQ(passed, 1);
}

TEST_F(TaskGroupTest, CancelReachesEveryTaskWithTheReason) {
  TaskGroup group;
  std::vector<CancelReason> seen;
  for (int i = 0; i < 3; ++i) {
    group.spawn([](Gate& at, std::vector<CancelReason>& reasons) -> Task<> {
      try {
        co_await at.passage();
      } catch (const Cancelled& caught) {
        reasons.push_back(caught.reason());
      }
    }(gate, seen));
  }
  group.cancel(CancelReason::shutdown);
  fake.loop.run(join(group));
  EXPECT_EQ(seen, std::vector<CancelReason>(3, CancelReason::shutdown));
}

TEST_F(TaskGroupTest, CancelLeavesLaterTasksAlone) {
  TaskGroup group;
  int passed = 0;
  group.cancel();
  group.spawn(wait_at(gate, passed));
  gate.open();
  fake.loop.run(join(group));
  EXPECT_EQ(passed, 1);
}

TEST_F(TaskGroupTest, ErrorHandlerIsGivenTheNameAndTheException) {
  std::string failed;
  std::string what;
  TaskGroup group([&](const char* name, std::exception_ptr error) {
    failed = name;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& caught) {
      what = caught.what();
    }
  });
  group.spawn(fail(std::runtime_error("on purpose")), "fetcher");
  fake.loop.run(join(group));
  EXPECT_EQ(failed, "fetcher");
  EXPECT_EQ(what, "on purpose");
}

TEST_F(TaskGroupTest, ErrorHandlerIsNotToldOfACancellation) {
  int errors = 0;
  TaskGroup group([&](const char*, const std::exception_ptr&) { ++errors; });
  int passed = 0;
  group.spawn(wait_at(gate, passed));
  group.cancel();
  fake.loop.run(join(group));
  EXPECT_EQ(errors, 0);
}

TEST_F(TaskGroupTest, ErrorThatNobodyHandlesIsLogged) {
  log::set_level(log::Level::error);
  TaskGroup group;
  testing::internal::CaptureStderr();
  group.spawn(fail(std::runtime_error("on purpose")), "fetcher");
  group.spawn(fail(7), "counter");
  fake.loop.run(join(group));
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_NE(out.find("task fetcher failed: on purpose"), std::string::npos) << out;
  EXPECT_NE(out.find("task counter failed"), std::string::npos) << out;
}

TEST_F(TaskGroupTest, ErrorHandlerThatThrowsHarmsNobody) {
  TaskGroup group(
      [](const char*, const std::exception_ptr&) { throw std::runtime_error("worse"); });
  group.spawn(fail(1));
  fake.loop.run(join(group));
  EXPECT_EQ(group.size(), 0U);
}

TEST_F(TaskGroupTest, ErrorHandlerMaySpawnAReplacement) {
  int passed = 0;
  TaskGroup* self = nullptr;
  TaskGroup group(
      [&](const char*, const std::exception_ptr&) { self->spawn(wait_at(gate, passed), "again"); });
  self = &group;
  group.spawn(fail(1));
  Root root(join(group));
  root.start();
  for (int i = 0; i < 3; ++i) fake.loop.turn(false);
  EXPECT_FALSE(root.done());
  gate.open();
  run_until_done(fake, root);
  EXPECT_EQ(passed, 1);
}

TEST_F(TaskGroupTest, MemberMaySpawnIntoItsGroup) {
  TaskGroup group;
  int passed = 0;
  group.spawn([](TaskGroup& own, Gate& at, int& count) -> Task<> {
    own.spawn(wait_at(at, count));
    co_await yield();
    own.spawn(wait_at(at, count));
  }(group, gate, passed));
  Root root(join(group));
  root.start();
  fake.loop.turn(false);
  fake.loop.turn(false);
  gate.open();
  run_until_done(fake, root);
  EXPECT_EQ(passed, 2);
}

TEST_F(TaskGroupTest, MemberMayCancelItsGroup) {
  TaskGroup group;
  int passed = 0;
  group.spawn(wait_at(gate, passed));
  group.spawn([](TaskGroup& own) -> Task<> {
    co_await yield();
    own.cancel(CancelReason::user);
  }(group));
  fake.loop.run(join(group));
  EXPECT_EQ(passed, 0);
}

TEST_F(TaskGroupTest, DestroyedWithLiveTasksDestroysThemAndSaysSo) {
  log::set_level(log::Level::warn);
  int passed = 0;
  testing::internal::CaptureStderr();
  {
    TaskGroup group;
    group.spawn(wait_at(gate, passed));
    group.spawn(wait_at(gate, passed));
  }
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_NE(out.find("2 tasks still running"), std::string::npos) << out;
  EXPECT_FALSE(gate.awaited());
  EXPECT_EQ(Counted::live, 0);
}

TEST_F(TaskGroupTest, DestroyedWithATaskThatHasEndedAndWasNotRetiredIsSafe) {
  int passed = 0;
  {
    TaskGroup group;
    group.spawn(wait_at(gate, passed));
    gate.open();
    fake.loop.turn(false);  // it ends here, and would be retired in the next turn
    EXPECT_EQ(group.size(), 1U);
  }
  fake.loop.turn(false);
  EXPECT_EQ(passed, 1);
}

TEST_F(TaskGroupTest, CancelledJoinCancelsTheGroupWaitsAndThrows) {
  TaskGroup group;
  int passed = 0;
  CancelReason reason = CancelReason::none;
  group.spawn(wait_at(gate, passed));
  group.spawn([](Gate& at, CancelReason& seen) -> Task<> {
    try {
      co_await at.passage();
    } catch (const Cancelled& caught) {
      seen = caught.reason();
      throw;
    }
  }(gate, reason));
  Root root(join(group));
  root.start();
  root.cancel(CancelReason::deadline);
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::deadline);
  EXPECT_EQ(reason, CancelReason::deadline);
  EXPECT_EQ(group.size(), 0U);
}

TEST_F(TaskGroupTest, JoinInACancelledTaskStillWaits) {
  TaskGroup group;
  int passed = 0;
  group.spawn(wait_at(gate, passed));
  Root root(join(group));
  root.cancel(CancelReason::shutdown);
  root.start();
  EXPECT_FALSE(root.done());
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::shutdown);
  EXPECT_EQ(group.size(), 0U);
}

TEST_F(TaskGroupTest, DestroyedWhileItIsJoinedEndsTheJoin) {
  auto group = std::make_unique<TaskGroup>();
  int passed = 0;
  group->spawn(wait_at(gate, passed));
  Root root(join(*group));
  root.start();
  group.reset();
  root.cancel();  // and does not reach for the group
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::user);
}

TEST_F(TaskGroupTest, DestroyedAfterItsJoinWasDestroyedIsSafe) {
  TaskGroup group;
  int passed = 0;
  group.spawn(wait_at(gate, passed));
  Root root(join(group));
  root.start();
  root.destroy();
  gate.open();
  while (group.size() > 0) fake.loop.turn(true);
  EXPECT_EQ(passed, 1);
}

TEST_F(TaskGroupTest, ThousandTasksComeAndGo) {
  TaskGroup group;
  int count = 0;
  for (int i = 0; i < 1000; ++i) {
    group.spawn([](int ms, int& done) -> Task<> {
      co_await sleep(milliseconds(ms));
      ++done;
    }(i % 37, count));
  }
  EXPECT_EQ(group.size(), 1000U);
  fake.loop.run(join(group));
  EXPECT_EQ(count, 1000);
}

}  // namespace
}  // namespace brigade
