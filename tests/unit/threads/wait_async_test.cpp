// Tasks that sleep on a shared word.
#include <brigade/shared_array.hpp>
#include <brigade/sleep.hpp>
#include <brigade/task_group.hpp>
#include <brigade/wait_async.hpp>
#include <brigade/when.hpp>

#include <gtest/gtest.h>
#include "support/counted.hpp"
#include "unit/shared/waiters.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace brigade {
namespace {

using namespace std::chrono_literals;
using atomics::WaitResult;
using testing_support::count_waiters;
using testing_support::eventually;
using testing_support::patience;
using testing_support::until_waiting;

using Array = SharedArray<std::int32_t>;

int count_helpers() {
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "comm");
    std::string name;
    std::getline(file, name);
    if (name == "brigade-wait") ++count;
  }
  return count;
}

Task<WaitResult> wait_for_zero(Array array, Duration timeout = atomics::forever) {
  co_return co_await atomics::wait_async(array[0], 0, timeout);
}

Task<> note_order(Array array, std::vector<int>& order, int name) {
  const auto result = co_await atomics::wait_async(array[0], 0);
  EXPECT_EQ(result, WaitResult::ok);
  order.push_back(name);
}

class WaitAsyncTest : public testing_support::NothingLeft {
 protected:
  template <class Condition>
  bool turn_until(Condition condition) {
    const testing_support::Deadline deadline;
    while (!condition()) {
      if (deadline.passed()) return false;
      loop->turn(false);
      std::this_thread::yield();
    }
    return true;
  }
  WaitResult run(Duration timeout = atomics::forever) {
    return loop->run(wait_for_zero(array, timeout));
  }

  std::optional<Loop> loop{std::in_place};
  const Array array = Array::create(2);
  const SharedCell<std::int32_t> cell = array[0];
};

TEST_F(WaitAsyncTest, ForAnotherValueThanThereIsIsNotEqualAtOnce) {
  atomics::store(cell, 1);
  EXPECT_EQ(run(), WaitResult::not_equal);
  EXPECT_EQ(count_helpers(), 0);
}

TEST_F(WaitAsyncTest, OfNoTimeTimesOutAtOnce) {
  EXPECT_EQ(run(0ms), WaitResult::timed_out);
  EXPECT_EQ(run(-1s), WaitResult::timed_out);
  EXPECT_EQ(count_helpers(), 0);
}

TEST_F(WaitAsyncTest, AskedAgainAndAgainLetsTheLoopTurn) {
  bool stop = false;
  loop->post([&] { stop = true; });
  loop->run([](Array own, bool& stopped) -> Task<> {
    while (!stopped) {
      const auto result = co_await atomics::wait_async(own[0], 1);
      EXPECT_EQ(result, WaitResult::not_equal);
    }
  }(array, stop));
}

TEST_F(WaitAsyncTest, TimesOutInTheKernelsQueueAsWell) {
  const TimePoint before = monotonic_now();
  EXPECT_EQ(run(20ms), WaitResult::timed_out);
  EXPECT_GE(monotonic_now() - before, 20ms);
  EXPECT_EQ(atomics::notify(cell), 0);
}

TEST_F(WaitAsyncTest, StandsInTheQueueFromTheCoAwaitOn) {
  TaskGroup group;
  std::vector<int> order;
  group.spawn(note_order(array, order, 1));
  EXPECT_EQ(count_waiters(cell), 1);
  EXPECT_EQ(loop->tasks().at(0).waiting_for, "atomics::wait");
  EXPECT_EQ(atomics::notify(cell), 1);
  EXPECT_TRUE(turn_until([&] { return order.size() == 1; }));
}

TEST_F(WaitAsyncTest, IsEndedByAnotherThreadThoughTheValueIsTheSame) {
  std::thread other([this] {
    EXPECT_TRUE(until_waiting(cell, 1));
    EXPECT_EQ(atomics::notify(cell), 1);
  });
  EXPECT_EQ(run(), WaitResult::ok);
  other.join();
}

TEST_F(WaitAsyncTest, WithATimeoutIsEndedByANotify) {
  std::thread other([this] {
    EXPECT_TRUE(until_waiting(cell, 1));
    EXPECT_EQ(atomics::notify(cell), 1);
  });
  EXPECT_EQ(run(24h), WaitResult::ok);
  other.join();
}

TEST_F(WaitAsyncTest, GoesOnWhenTheValueIsStoredWithoutANotify) {
  TaskGroup group;
  std::vector<int> order;
  group.spawn(note_order(array, order, 1));
  atomics::store(cell, 5);
  for (int i = 0; i < 10; ++i) loop->turn(false);
  EXPECT_TRUE(order.empty());
  EXPECT_EQ(count_waiters(cell), 1);
  EXPECT_EQ(atomics::notify(cell), 1);
  EXPECT_TRUE(turn_until([&] { return !order.empty(); }));
}

TEST_F(WaitAsyncTest, IsEndedThroughAnotherMappingAndOnUnsignedCells) {
  const auto words = SharedArray<std::uint32_t>::create(1);
  const auto other = SharedArray<std::uint32_t>::over(
                         SharedBuffer::attach(words.buffer().fd().duplicate()).value())
                         .value();
  std::thread thread([&other] {
    EXPECT_TRUE(until_waiting(other[0], 1));
    EXPECT_EQ(atomics::notify(other[0]), 1);
  });
  const auto result = loop->run([](SharedArray<std::uint32_t> own) -> Task<WaitResult> {
    co_return co_await atomics::wait_async(own[0], 0);
  }(words));
  EXPECT_EQ(result, WaitResult::ok);
  thread.join();
}

TEST_F(WaitAsyncTest, IsEndedInTheOrderOfArrivalByExactlyAsManyAsAsked) {
  TaskGroup group;
  std::vector<int> order;
  for (int i = 0; i < 10; ++i) group.spawn(note_order(array, order, i));
  EXPECT_EQ(atomics::notify(array[1]), 0);
  EXPECT_EQ(atomics::notify(cell, 1), 1);
  ASSERT_TRUE(turn_until([&] { return order.size() == 1; }));
  EXPECT_EQ(atomics::notify(cell, 4), 4);
  ASSERT_TRUE(turn_until([&] { return order.size() == 5; }));
  EXPECT_EQ(count_waiters(cell), 5);
  EXPECT_EQ(atomics::notify(cell), 5);
  ASSERT_TRUE(turn_until([&] { return order.size() == 10; }));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(WaitAsyncTest, StandsInOneQueueWithThreads) {
  // Many cells: a helper that was moved within one of the kernel's hash buckets, and that is a
  // matter of addresses, would keep an old place.
  const Array cells = Array::create(200);
  for (std::size_t at = 0; at < cells.size(); ++at) {
    const auto wait = [](SharedCell<std::int32_t> one, Duration timeout) -> Task<WaitResult> {
      co_return co_await atomics::wait_async(one, 0, timeout);
    };
    // So that a helper is parked, and older than the thread's wait.
    EXPECT_EQ(loop->run(wait(cells[at], 1ns)), WaitResult::timed_out);
    std::atomic<bool> thread_ended{false};
    std::thread thread([&] {
      EXPECT_EQ(atomics::wait(cells[at], 0), WaitResult::ok);
      thread_ended = true;
    });
    ASSERT_TRUE(until_waiting(cells[at], 1));
    detail::TaskScope scope("second", nullptr);
    Task<WaitResult> second = wait(cells[at], atomics::forever);
    second.start(nullptr, &scope);
    ASSERT_EQ(count_waiters(cells[at]), 2);
    EXPECT_EQ(atomics::notify(cells[at], 1), 1);
    EXPECT_TRUE(eventually([&] { return thread_ended.load(); }));
    thread.join();
    EXPECT_EQ(atomics::notify(cells[at], 1), 1);
    ASSERT_TRUE(turn_until([&] { return second.finished(); }));
    EXPECT_EQ(second.take_result(), WaitResult::ok);
  }
}

TEST_F(WaitAsyncTest, KeepsTheMemoryAlive) {
  TaskGroup group;
  Fd other_end;
  bool ended = false;
  {
    Array own = Array::create(1);
    other_end = own.buffer().fd().duplicate();
    group.spawn([](Array given, bool& out) -> Task<> {
      auto wait = atomics::wait_async(given[0], 0);
      given = Array();
      const auto result = co_await std::move(wait);
      EXPECT_EQ(result, WaitResult::ok);
      out = true;
    }(std::move(own), ended));
  }
  const Array other = Array::over(SharedBuffer::attach(std::move(other_end)).value()).value();
  EXPECT_EQ(atomics::notify(other[0]), 1);
  EXPECT_TRUE(turn_until([&] { return ended; }));
}

TEST_F(WaitAsyncTest, ThatIsCancelledLeavesTheQueue) {
  TaskGroup group;
  std::vector<int> order;
  group.spawn(note_order(array, order, 1));
  group.cancel();
  loop->turn(false);
  EXPECT_TRUE(until_waiting(cell, 0));
  loop->run([](TaskGroup& own) -> Task<> { co_await own.join(); }(group));
  EXPECT_TRUE(order.empty());
  EXPECT_EQ(atomics::notify(cell), 0);
}

TEST_F(WaitAsyncTest, ThatIsCancelledWhenANotifyHasJustCountedItWakesTheNext) {
  for (int round = 0; round < 100; ++round) {
    std::vector<int> order;
    TaskGroup staying;
    {
      TaskGroup leaving;
      leaving.spawn(note_order(array, order, 1));
      staying.spawn(note_order(array, order, 2));
      EXPECT_EQ(atomics::notify(cell, 1), 1);
      if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(round));
      leaving.cancel();
      loop->run([](TaskGroup& own) -> Task<> { co_await own.join(); }(leaving));
    }
    ASSERT_TRUE(turn_until([&] { return !order.empty(); }));
    EXPECT_EQ(order, std::vector<int>{2});
  }
}

TEST_F(WaitAsyncTest, MayBeDestroyedAtAnyTime) {
  for (int round = 0; round < 100; ++round) {
    TaskGroup staying;
    std::vector<int> order;
    {
      detail::TaskScope scope("destroyed", nullptr);
      Task<WaitResult> destroyed = wait_for_zero(array, round % 3 == 0 ? 1ms : Duration(1h));
      destroyed.start(nullptr, &scope);
      staying.spawn(note_order(array, order, 2));
      EXPECT_EQ(atomics::notify(cell, 1), 1);
      if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(2 * round));
      Task<WaitResult> gone = std::move(destroyed);
    }
    ASSERT_TRUE(turn_until([&] { return !order.empty(); })) << "the wake went with the frame";
  }
}

TEST_F(WaitAsyncTest, LosesToOrWinsOverATimeoutButNeverBoth) {
  // What notify counts and what the tasks see must agree, whatever times out meanwhile.
  std::atomic<bool> stop{false};
  std::atomic<int> woken{0};
  std::thread notifier([&] {
    std::mt19937 random(7);
    while (!stop) {
      woken += atomics::notify(cell, static_cast<int>(random() % 4));
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
    }
  });
  int ok = 0;
  TaskGroup group;
  for (unsigned seed = 0; seed < 6; ++seed) {
    group.spawn([](Array own, unsigned with_seed, int& count) -> Task<> {
      std::mt19937 random(with_seed);
      for (int round = 0; round < 100; ++round) {
        const std::chrono::microseconds timeout(random() % 2500);
        const auto result = co_await atomics::wait_async(own[0], 0, timeout);
        if (result == WaitResult::ok) ++count;
      }
    }(array, seed, ok));
  }
  loop->run([](TaskGroup& own) -> Task<> { co_await own.join(); }(group));
  stop = true;
  notifier.join();
  EXPECT_EQ(ok, woken);
  EXPECT_GT(ok, 0);
}

TEST_F(WaitAsyncTest, SeesAValueThatChangesWhileItBeginsToWait) {
  // The storing thread notifies once per change: who misses it must have seen the value.
  constexpr int turns = 500;
  std::thread other([this] {
    for (int turn = 0; turn < turns; ++turn) {
      if (turn % 2 == 0) {
        while (atomics::load(cell) == turn) atomics::wait(cell, turn, patience);
      } else {
        atomics::store(cell, turn + 1);
        atomics::notify(cell);
      }
    }
  });
  loop->run([](Array own) -> Task<> {
    for (int turn = 0; turn < turns; ++turn) {
      if (turn % 2 == 0) {
        atomics::store(own[0], turn + 1);
        atomics::notify(own[0]);
        continue;
      }
      while (atomics::load(own[0]) == turn) {
        const auto result = co_await atomics::wait_async(own[0], turn, patience);
        EXPECT_NE(result, WaitResult::timed_out);
      }
    }
  }(array));
  other.join();
}

TEST_F(WaitAsyncTest, WorksOnManyLoopsAtOnce) {
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([this, &ended] {
      Loop own;
      for (int round = 0; round < 30; ++round) {
        EXPECT_EQ(own.run(wait_for_zero(array)), WaitResult::ok);
        ++ended;
      }
    });
  }
  int woken = 0;
  while (woken < 90) {
    woken += atomics::notify(cell, 1);
    std::this_thread::yield();
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(ended, 90);
}

TEST_F(WaitAsyncTest, IsLimitedInNumber) {
  TaskGroup group;
  std::vector<int> order;
  for (std::size_t i = 0; i < atomics::max_async_waits; ++i) {
    group.spawn(note_order(array, order, static_cast<int>(i)));
  }
  EXPECT_EQ(count_waiters(cell), static_cast<int>(atomics::max_async_waits));
  std::string message;
  loop->run([](Array own, std::string& out) -> Task<> {
    try {
      const auto result = co_await atomics::wait_async(own[0], 0);
      static_cast<void>(result);
    } catch (const ErrorException& error) {
      EXPECT_EQ(error.error().code(), EAGAIN);
      out = error.what();
    }
  }(array, message));
  EXPECT_NE(message.find("256"), std::string::npos) << message;
  EXPECT_EQ(atomics::notify(cell), static_cast<int>(atomics::max_async_waits));
  ASSERT_TRUE(turn_until([&] { return order.size() == atomics::max_async_waits; }));
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], static_cast<int>(i));
  EXPECT_EQ(run(1ms), WaitResult::timed_out) << "there is room again";
}

TEST_F(WaitAsyncTest, ReusesItsThreadsAndEndsThemWithTheLastLoop) {
  for (int round = 0; round < 20; ++round) EXPECT_EQ(run(1ms), WaitResult::timed_out);
  EXPECT_LE(count_helpers(), 2) << "one that waits, and a spare one";
  {
    TaskGroup group;
    std::vector<int> order;
    for (int i = 0; i < 40; ++i) group.spawn(note_order(array, order, i));
    EXPECT_GE(count_helpers(), 40);
    EXPECT_LE(count_helpers(), 48);
    EXPECT_EQ(atomics::notify(cell), 40);
    ASSERT_TRUE(turn_until([&] { return order.size() == 40; }));
  }
  EXPECT_TRUE(eventually([] { return count_helpers() <= 8; })) << count_helpers();
  loop.reset();
  EXPECT_EQ(count_helpers(), 0);
}

TEST_F(WaitAsyncTest, OutlivesItsLoop) {
  detail::TaskScope scope("outlives", nullptr);
  Task<WaitResult> task = wait_for_zero(array, 1h);
  task.start(nullptr, &scope);
  EXPECT_EQ(count_waiters(cell), 1);
  loop.reset();
  EXPECT_EQ(count_waiters(cell), 0);
  EXPECT_EQ(count_helpers(), 0);
  EXPECT_FALSE(task.finished());
}

TEST_F(WaitAsyncTest, WorksInWhenAny) {
  loop->run([](Array own) -> Task<> {
    const auto nap = []() -> Task<int> {
      co_await sleep(2ms);
      co_return 1;
    };
    auto winner = co_await when_any(wait_for_zero(own), nap());
    EXPECT_EQ(winner.index(), 1u);
  }(array));
  EXPECT_TRUE(until_waiting(cell, 0));
}

}  // namespace
}  // namespace brigade
