#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <brigade/loop.hpp>
#include <brigade/sleep.hpp>
#include <brigade/task_group.hpp>
#include <brigade/when.hpp>
#include "support/counted.hpp"
#include "support/fake_loop.hpp"
#include "support/gate.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace brigade {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing_support::FakeLoop;
using testing_support::Gate;

class LoopTest : public testing_support::NothingLeft {};

struct Listener final : Watcher {
  explicit Listener(std::function<void(std::uint32_t)> function = nullptr)
      : then(std::move(function)) {}
  void on_event(std::uint32_t events) override {
    seen.push_back(events);
    if (then) then(events);
  }
  std::vector<std::uint32_t> seen;
  std::function<void(std::uint32_t)> then;
};

TEST_F(LoopTest, ThreadWithoutALoopSaysSo) {
  EXPECT_EQ(Loop::try_current(), nullptr);
  EXPECT_THROW(Loop::current(), std::logic_error);
}

TEST_F(LoopTest, IsItsThreadsCurrentLoop) {
  Loop loop;
  EXPECT_EQ(&Loop::current(), &loop);
  Loop* elsewhere = &loop;
  std::thread([&] { elsewhere = Loop::try_current(); }).join();
  EXPECT_EQ(elsewhere, nullptr);
}

TEST_F(LoopTest, NestedLoopIsCurrentUntilItIsGone) {
  Loop outer;
  {
    Loop inner;
    EXPECT_EQ(&Loop::current(), &inner);
  }
  EXPECT_EQ(&Loop::current(), &outer);
}

TEST_F(LoopTest, OuterLoopThatGoesFirstLeavesTheInnerOneCurrent) {
  auto outer = std::make_unique<Loop>();
  auto inner = std::make_unique<Loop>();
  outer.reset();
  EXPECT_EQ(&Loop::current(), inner.get());
  inner.reset();
  EXPECT_EQ(Loop::try_current(), nullptr);
}

TEST_F(LoopTest, CallbackMayRunALoopOfItsOwn) {
  FakeLoop outer;
  int inner_result = 0;
  outer.loop.post([&] {
    inner_result = run_main([]() -> Task<int> {
      co_await yield();
      co_return 5;
    });
  });
  outer.loop.run([]() -> Task<> { co_await sleep(milliseconds(1)); }());
  EXPECT_EQ(inner_result, 5);
}

TEST_F(LoopTest, TellsAWatcherWhatIsReady) {
  FakeLoop fake;
  const Fd event(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  Listener listener;
  ASSERT_TRUE(fake.loop.watch(event.get(), EPOLLIN, listener));
  fake.loop.turn(true);
  EXPECT_EQ(listener.seen, std::vector<std::uint32_t>{EPOLLIN});
  fake.loop.rewatch(event.get(), EPOLLOUT, listener);
  fake.loop.turn(true);
  EXPECT_EQ(listener.seen.back(), std::uint32_t{EPOLLOUT});
  fake.loop.unwatch(event.get(), listener);
}

TEST_F(LoopTest, WatchOfABadDescriptorIsRefused) {
  Loop loop;
  Listener listener;
  EXPECT_FALSE(loop.watch(-1, EPOLLIN, listener));
}

TEST_F(LoopTest, UnwatchInACallbackDropsTheEventThatThisTurnStillHolds) {
  FakeLoop fake;
  Listener second;
  Listener third;
  Listener first([&](std::uint32_t) { fake.loop.unwatch(-1, second); });
  for (Listener* each : {&first, &second, &third}) fake.poller->script(*each, EPOLLIN);
  fake.loop.turn(true);
  EXPECT_TRUE(second.seen.empty());
  EXPECT_EQ(third.seen.size(), 1U);
}

TEST_F(LoopTest, UnwatchOfAWatcherThatHasBeenToldIsHarmless) {
  FakeLoop fake;
  Listener first;
  Listener second([&](std::uint32_t) { fake.loop.unwatch(-1, first); });
  for (Listener* each : {&first, &second}) fake.poller->script(*each, EPOLLIN);
  fake.loop.turn(true);
  EXPECT_EQ(first.seen.size(), 1U);
}

TEST_F(LoopTest, WatcherMayDestroyAnotherOnceItIsUnwatched) {
  FakeLoop fake;
  auto victim = std::make_unique<Listener>();
  Listener first([&](std::uint32_t) {
    fake.loop.unwatch(-1, *victim);
    victim.reset();
  });
  fake.poller->script(first, EPOLLIN);
  fake.poller->script(*victim, EPOLLIN);
  fake.loop.turn(true);
  EXPECT_FALSE(victim);
}

TEST_F(LoopTest, RunsEventsThenMailThenTimersThenWhatIsReady) {
  struct Note final : detail::ReadyNode, Timer {
    explicit Note(std::string& to) : out(to) {}
    void on_ready() override { out += 'r'; }
    void on_timer() override { out += 't'; }
    std::string& out;
  };
  std::string order;
  FakeLoop fake;
  Note note(order);
  Listener listener([&](std::uint32_t) { order += 'e'; });
  fake.loop.run_later(note);
  fake.loop.arm(note, Duration::zero());
  fake.loop.post([&] { order += 'm'; });
  fake.poller->script(listener, EPOLLIN);
  fake.loop.turn(true);
  EXPECT_EQ(order, "emtr");
}

TEST_F(LoopTest, WhatQueuesItselfAgainWaitsForTheNextTurn) {
  struct Again final : detail::ReadyNode {
    void on_ready() override {
      ++runs;
      detail::run_later(*this);
    }
    int runs = 0;
  };
  FakeLoop fake;
  Again again;
  fake.loop.run_later(again);
  fake.loop.turn(true);
  EXPECT_EQ(again.runs, 1);
  fake.loop.turn(true);
  EXPECT_EQ(again.runs, 2);
  EXPECT_EQ(fake.poller->timeouts, (std::vector<int>{0, 0}));
}

TEST_F(LoopTest, SleepsForEverWhereNothingIsToCome) {
  FakeLoop fake;
  fake.poller->in_next_wait = [&] { fake.loop.post([&] { fake.loop.stop(); }); };
  fake.loop.run();
  EXPECT_EQ(fake.poller->timeouts, std::vector<int>{-1});
}

TEST_F(LoopTest, ListsTasksWithNamePlaceAndWhatTheyWaitFor) {
  FakeLoop fake;
  Gate gate;
  TaskGroup group;
  const auto line = std::source_location::current().line();
  group.spawn([]() -> Task<> { co_await sleep(hours(1)); }(), "sleeper");
  group.spawn([](Gate& at) -> Task<> { co_await at.passage(); }(gate), "waiter");
  group.spawn(
      []() -> Task<> { co_await when_all(as_task(sleep(hours(1))), as_task(sleep(hours(2)))); }(),
      "parent");
  const auto tasks = fake.loop.tasks();
  ASSERT_EQ(tasks.size(), 3U);
  EXPECT_EQ(tasks[0].name, "sleeper");
  EXPECT_EQ(tasks[0].waiting_for, "sleep");
  EXPECT_NE(tasks[0].location.find("loop_test.cpp:" + std::to_string(line + 1)), std::string::npos)
      << tasks[0].location;
  EXPECT_EQ(tasks[1].name, "waiter");
  EXPECT_EQ(tasks[1].waiting_for, "gate");
  EXPECT_EQ(tasks[2].waiting_for, "when_all");
  group.cancel();
  fake.loop.run([](TaskGroup& all) -> Task<> { co_await all.join(); }(group));
  EXPECT_TRUE(fake.loop.tasks().empty());
}

TEST_F(LoopTest, ListsARunningTaskAsWaitingForNothing) {
  Loop loop;
  const auto tasks = loop.run(
      []() -> Task<std::vector<TaskInfo>> { co_return Loop::current().tasks(); }(), "itself");
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(tasks[0].name, "itself");
  EXPECT_EQ(tasks[0].waiting_for, "");
}

}  // namespace
}  // namespace brigade
