#include <gtest/gtest.h>
#include <brigade/sleep.hpp>
#include <brigade/task_group.hpp>
#include <brigade/thread_pool.hpp>
#include <brigade/when.hpp>
#include "support/blocker.hpp"
#include "support/counted.hpp"

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace brigade {
namespace {

using testing_support::Blocker;
using testing_support::Counted;

class ThreadPoolTest : public testing_support::NothingLeft {
 protected:
  Loop loop;
};

int add(int left, int right) {
  return left + right;
}
std::string glue(std::string left, const std::string& right) {
  return left + right;
}

Task<> block(ThreadPool pool, Blocker& blocker) {
  co_await pool.run([&blocker] { blocker.block(); });
}
Task<> join(TaskGroup& group) {
  co_await group.join();
}

TEST_F(ThreadPoolTest, RunsTheJobOnItsThreadAndResumesOnTheLoops) {
  loop.run([](ThreadPool pool) -> Task<> {
    const auto loop_thread = std::this_thread::get_id();
    const auto job_thread = co_await pool.run([] { return std::this_thread::get_id(); });
    EXPECT_NE(job_thread, loop_thread);
    EXPECT_EQ(std::this_thread::get_id(), loop_thread);
  }(ThreadPool({.threads = 1})));
}

TEST_F(ThreadPoolTest, RunsAFunctionWithItsArguments) {
  loop.run([](ThreadPool pool) -> Task<> {
    const int sum = co_await pool.run(add, 2, 3);
    EXPECT_EQ(sum, 5);
    const std::string text = co_await pool.run(glue, std::string("a"), "b");
    EXPECT_EQ(text, "ab");
  }(ThreadPool({.threads = 1})));
}

TEST_F(ThreadPoolTest, TakesAndReturnsMoveOnlyValues) {
  loop.run([](ThreadPool pool) -> Task<> {
    auto box = std::make_unique<int>(7);
    auto back = co_await pool.run(
        [extra = std::make_unique<int>(1)](std::unique_ptr<int> given) {
          *given += *extra;
          return given;
        },
        std::move(box));
    EXPECT_EQ(*back, 8);
  }(ThreadPool({.threads = 1})));
}

TEST_F(ThreadPoolTest, BringsTheJobsExceptionToTheLoop) {
  loop.run([](ThreadPool pool) -> Task<> {
    std::string caught;
    try {
      co_await pool.run([] { throw std::runtime_error("on purpose"); });
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    EXPECT_EQ(caught, "on purpose");
    int number = 0;
    try {
      co_await pool.run([]() -> int { throw 5; });
    } catch (int thrown) {
      number = thrown;
    }
    EXPECT_EQ(number, 5);
  }(ThreadPool({.threads = 1})));
}

TEST_F(ThreadPoolTest, OwnsTheJobsArguments) {
  loop.run([](ThreadPool pool) -> Task<> {
    bool intact = false;
    {
      Counted named;
      auto job = pool.run(
          [captured = named](const Counted& given) { return captured.intact() && given.intact(); },
          named);
      named.text.clear();
      intact = co_await job;
    }
    EXPECT_TRUE(intact);
  }(ThreadPool({.threads = 1})));
}

TEST_F(ThreadPoolTest, JobThatIsNeverAwaitedDoesNotRun) {
  ThreadPool pool({.threads = 1});
  bool ran = false;
  {
    const auto unused = pool.run([&ran, kept = Counted()] { ran = kept.intact(); });
  }
  EXPECT_FALSE(ran);
}

TEST_F(ThreadPoolTest, RunsJobsInTheOrderTheyCame) {
  ThreadPool pool({.threads = 1});
  Blocker blocker;
  std::vector<int> order;  // the pool's one thread writes
  TaskGroup group;
  group.spawn(block(pool, blocker));
  for (int i = 0; i < 20; ++i) {
    group.spawn([](ThreadPool own, std::vector<int>& out, int name) -> Task<> {
      co_await own.run([&out, name] { out.push_back(name); });
    }(pool, order, i));
  }
  blocker.let_go();
  loop.run(join(group));
  ASSERT_EQ(order.size(), 20U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST_F(ThreadPoolTest, RunsAsManyJobsAtOnceAsItHasThreads) {
  ThreadPool pool({.threads = 3});
  std::vector<Blocker> blockers(3);
  TaskGroup group;
  for (Blocker& each : blockers) group.spawn(block(pool, each));
  for (Blocker& each : blockers) each.wait_until_begun();
  for (Blocker& each : blockers) each.let_go();
  loop.run(join(group));
  EXPECT_EQ(pool.threads(), 3U);
}

TEST_F(ThreadPoolTest, RefusesAtOnceWhatItsQueueCannotHold) {
  ThreadPool pool({.max_queue = 2, .threads = 1});
  std::vector<Blocker> blockers(3);
  TaskGroup group;
  for (Blocker& each : blockers) group.spawn(block(pool, each));
  loop.run([](ThreadPool own) -> Task<> {
    bool refused = false;
    try {
      co_await own.run(add, 1, 1);
    } catch (const Overloaded&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  }(pool));
  for (Blocker& each : blockers) each.let_go();
  loop.run(join(group));
  loop.run([](ThreadPool own) -> Task<> {
    const int sum = co_await own.run(add, 1, 1);  // there is room again
    EXPECT_EQ(sum, 2);
  }(pool));
}

TEST_F(ThreadPoolTest, TryRunGivesAFullQueueAsAValue) {
  ThreadPool pool({.max_queue = 0, .threads = 1});
  Blocker blocker;
  TaskGroup group;
  group.spawn(block(pool, blocker));
  loop.run([](ThreadPool own) -> Task<> {
    auto sum = co_await own.try_run(add, 1, 1);
    EXPECT_FALSE(sum.ok());
    EXPECT_EQ(sum.error().code(), EAGAIN);
    auto nothing = co_await own.try_run([] {});
    EXPECT_EQ(nothing.error().code(), EAGAIN);
  }(pool));
  blocker.let_go();
  loop.run(join(group));
}

TEST_F(ThreadPoolTest, TryRunGivesTheResultWhereThereIsRoom) {
  loop.run([](ThreadPool pool) -> Task<> {
    auto sum = co_await pool.try_run(add, 1, 1);
    EXPECT_EQ(sum.value(), 2);
    auto nothing = co_await pool.try_run([] {});
    EXPECT_TRUE(nothing.ok());
  }(ThreadPool({.threads = 1})));
}

TEST_F(ThreadPoolTest, TryRunThrowsWhatTheJobThrows) {
  loop.run([](ThreadPool pool) -> Task<> {
    bool thrown = false;
    try {
      auto result = co_await pool.try_run([]() -> int { throw std::runtime_error("on purpose"); });
      static_cast<void>(result);
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
  }(ThreadPool({.threads = 1})));
}

TEST_F(ThreadPoolTest, AskingAgainAndAgainLetsTheLoopTurn) {
  ThreadPool pool({.max_queue = 0, .threads = 1});
  Blocker blocker;
  TaskGroup group;
  group.spawn(block(pool, blocker));
  bool stop = false;
  loop.post([&] { stop = true; });
  loop.run([](ThreadPool own, bool& stopped) -> Task<> {
    while (!stopped) {
      auto refused = co_await own.try_run(add, 1, 1);
      EXPECT_FALSE(refused.ok());
    }
  }(pool, stop));
  blocker.let_go();
  loop.run(join(group));
}

TEST_F(ThreadPoolTest, StopAcceptingRefusesNewJobsAndRunsThoseInside) {
  ThreadPool pool({.threads = 1});
  Blocker blocker;
  int ran = 0;
  TaskGroup group;
  group.spawn(block(pool, blocker));
  group.spawn(
      [](ThreadPool own, int& out) -> Task<> { out = co_await own.run(add, 1, 2); }(pool, ran));
  pool.stop_accepting();
  loop.run([](ThreadPool own) -> Task<> {
    auto refused = co_await own.try_run(add, 1, 1);
    EXPECT_FALSE(refused.ok());
  }(pool));
  blocker.let_go();
  loop.run(join(group));
  EXPECT_EQ(ran, 3);
}

TEST_F(ThreadPoolTest, WorksWithWhenAll) {
  loop.run([](ThreadPool pool) -> Task<> {
    const auto job = [](ThreadPool own, int value) -> Task<int> {
      co_return co_await own.run(add, value, value);
    };
    auto both = co_await when_all(job(pool, 1), job(pool, 2));
    EXPECT_EQ(both, std::make_tuple(2, 4));
  }(ThreadPool({.threads = 2})));
}

TEST_F(ThreadPoolTest, TaskThatWaitsForItIsListedSo) {
  ThreadPool pool({.threads = 1});
  Blocker blocker;
  TaskGroup group;
  group.spawn(block(pool, blocker), "blocked");
  const auto tasks = loop.tasks();
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(tasks[0].waiting_for, "pool");
  blocker.let_go();
  loop.run(join(group));
}

TEST_F(ThreadPoolTest, OutlivesTheLoopsThatUseIt) {
  // A pool's thread may still be handing over the last job when the loop that waited for it ends.
  ThreadPool pool({.threads = 2});
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(run_main([pool]() -> Task<int> { co_return co_await pool.run(add, 20, 22); }), 42);
  }
}

}  // namespace
}  // namespace brigade
