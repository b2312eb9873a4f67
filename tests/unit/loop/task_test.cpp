#include <gtest/gtest.h>
#include <brigade/sleep.hpp>
#include <brigade/task.hpp>
#include "support/counted.hpp"
#include "support/gate.hpp"
#include "support/root.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>

namespace brigade {
namespace {

using testing_support::Counted;
using testing_support::FakeLoop;
using testing_support::Gate;
using testing_support::Root;

static_assert(!std::is_copy_constructible_v<Task<int>>);
static_assert(!std::is_copy_assignable_v<Task<int>>);
static_assert(!std::is_move_assignable_v<Task<int>>);
static_assert(std::is_nothrow_move_constructible_v<Task<int>>);

class TaskTest : public testing_support::NothingLeft {};

Task<> note(int& runs) {
  ++runs;
  co_return;
}

Task<int> answer() {
  co_return 42;
}

Task<std::unique_ptr<int>> boxed(int value) {
  co_return std::make_unique<int>(value);
}

struct NoDefault {
  explicit NoDefault(int from) : value(from) {}
  int value;
};

Task<NoDefault> without_default(int value) {
  co_return NoDefault(value);
}

template <class Thrown>
Task<int> fail_with(Thrown thrown) {
  throw thrown;
  co_return 0;
}

Task<> pass(Gate& gate) {
  co_await gate.passage();
}

Task<bool> keep(Counted kept, Gate& gate) {
  co_await gate.passage();
  co_return kept.intact();
}

TEST_F(TaskTest, DoesNothingBeforeItIsAwaited) {
  int runs = 0;
  {
    const Task<> task = note(runs);
  }
  EXPECT_EQ(runs, 0);
}

TEST_F(TaskTest, RunsInlineWhenAwaited) {
  Loop loop;
  int runs = 0;
  bool inline_run = false;
  loop.run([](int& counter, bool& seen) -> Task<> {
    co_await note(counter);
    seen = counter == 1;
  }(runs, inline_run));
  EXPECT_TRUE(inline_run);
}

TEST_F(TaskTest, FinishesWithoutATurnOfTheLoopWhenNothingSuspends) {
  FakeLoop fake;
  EXPECT_EQ(fake.loop.run(answer()), 42);
  EXPECT_TRUE(fake.poller->timeouts.empty());
}

TEST_F(TaskTest, ReturnsAMoveOnlyValue) {
  Loop loop;
  const auto value = loop.run([]() -> Task<int> {
    auto box = co_await boxed(7);
    co_return *box;
  }());
  EXPECT_EQ(value, 7);
}

TEST_F(TaskTest, ReturnsAValueThatHasNoDefaultConstructor) {
  Loop loop;
  EXPECT_EQ(loop.run(without_default(9)).value, 9);
}

TEST_F(TaskTest, CarriesAnExceptionToItsAwaiter) {
  Loop loop;
  const auto what = loop.run([]() -> Task<std::string> {
    try {
      co_await fail_with(std::runtime_error("on purpose"));
    } catch (const std::runtime_error& caught) {
      co_return caught.what();
    }
    co_return "";
  }());
  EXPECT_EQ(what, "on purpose");
}

TEST_F(TaskTest, CarriesAnExceptionThatIsAnInt) {
  Loop loop;
  EXPECT_THROW(loop.run(fail_with(5)), int);
}

TEST_F(TaskTest, CarriesAnExceptionThatWasThrownAfterASuspension) {
  FakeLoop fake;
  EXPECT_THROW(fake.loop.run([]() -> Task<> {
    co_await sleep(std::chrono::seconds(1));
    co_await fail_with(std::string("late"));
  }()),
               std::string);
}

TEST_F(TaskTest, MayBeMovedBeforeItIsAwaited) {
  Loop loop;
  Task<int> first = answer();
  Task<int> second(std::move(first));
  EXPECT_EQ(loop.run(std::move(second)), 42);
}

TEST_F(TaskTest, MillionSynchronousAwaitsNeedNoStack) {
  Loop loop;
  const int sum = loop.run([]() -> Task<int> {
    int total = 0;
    for (int i = 0; i < 1'000'000; ++i) total += co_await answer() == 42;
    co_return total;
  }());
  EXPECT_EQ(sum, 1'000'000);
}

Task<int> depth(int left, Gate& gate) {
  if (left == 0) {
    co_await gate.passage();
    co_return 0;
  }
  const int below = co_await depth(left - 1, gate);
  co_return below + 1;
}

TEST_F(TaskTest, DeepChainOfSuspendedTasksResumesFromItsEnd) {
  FakeLoop fake;
  Gate gate;
  int reached = 0;
  Root root([](Gate& at, int& out) -> Task<> { out = co_await depth(1000, at); }(gate, reached));
  root.start();
  gate.open();
  run_until_done(fake, root);
  EXPECT_EQ(reached, 1000);
}

TEST_F(TaskTest, SuspendsAfterABudgetOfSynchronousCompletions) {
  FakeLoop fake;
  int rounds = 0;
  Root root([](int& done) -> Task<> {
    for (; done < 10 * Loop::budget; ++done) co_await answer();
  }(rounds));
  root.start();
  EXPECT_FALSE(root.done());
  EXPECT_GE(rounds, Loop::budget / 2);
  EXPECT_LE(rounds, Loop::budget);
  const int before = rounds;
  fake.loop.turn(true);
  EXPECT_GT(rounds, before);
  EXPECT_LE(rounds, before + Loop::budget);
  run_until_done(fake, root);
  root.result();
}

TEST_F(TaskTest, MayBeDestroyedWhileItsBudgetIsSpent) {
  FakeLoop fake;
  Root root([]() -> Task<> {
    Counted kept;
    while (true) co_await answer();
  }());
  root.start();
  ASSERT_FALSE(root.done());
  root.destroy();
  fake.loop.turn(false);
}

TEST_F(TaskTest, OwnsItsParametersUntilItIsDestroyed) {
  FakeLoop fake;
  Gate gate;
  bool intact = false;
  Root root([](Gate& at, bool& out) -> Task<> {
    Counted named;
    out = co_await keep(named, at);
  }(gate, intact));
  root.start();
  gate.open();
  run_until_done(fake, root);
  EXPECT_TRUE(intact);
}

TEST_F(TaskTest, ThatIsNeverAwaitedDestroysItsParameters) {
  Gate gate;
  {
    const auto unused = keep(Counted(), gate);
    EXPECT_EQ(Counted::live, 1);
  }
  EXPECT_EQ(Counted::live, 0);
}

TEST_F(TaskTest, DestroyedWhileSuspendedRunsDestructorsAndNoCatchClause) {
  FakeLoop fake;
  Gate gate;
  bool caught = false;
  Root root([](Gate& at, bool& seen) -> Task<> {
    Counted local;
    try {
      co_await pass(at);
    } catch (...) {
      seen = true;
    }
  }(gate, caught));
  root.start();
  EXPECT_TRUE(gate.awaited());
  root.destroy();
  EXPECT_FALSE(gate.awaited());
  EXPECT_EQ(Counted::live, 0);
  EXPECT_FALSE(caught);
}

TEST_F(TaskTest, DestroyedAfterItsEventAndBeforeItsResumptionIsNotResumed) {
  FakeLoop fake;
  Gate gate;
  bool resumed = false;
  Root root([](Gate& at, bool& seen) -> Task<> {
    co_await at.passage();
    seen = true;
  }(gate, resumed));
  root.start();
  gate.open();
  root.destroy();
  fake.loop.turn(false);
  EXPECT_FALSE(resumed);
}

TEST_F(TaskTest, LambdaGivenToCallLivesUntilItsTaskEnds) {
  FakeLoop fake;
  Gate gate;
  bool intact = false;
  const auto start = [&] {
    return call(
        [kept = Counted(), &gate, &intact](Counted argument) -> Task<> {
          co_await gate.passage();
          intact = kept.intact() && argument.intact();
        },
        Counted());
  };
  Root root(start());
  root.start();
  gate.open();
  run_until_done(fake, root);
  EXPECT_TRUE(intact);
}

TEST_F(TaskTest, LoopReturnsWhatItsMainTaskReturns) {
  EXPECT_EQ(run_main([]() -> Task<int> {
              co_await yield();
              co_return 3;
            }),
            3);
}

TEST_F(TaskTest, MainTaskOfALoopThatIsStoppedThrowsCancelled) {
  FakeLoop fake;
  Gate gate;
  fake.loop.post([&] { fake.loop.stop(); });
  EXPECT_THROW(fake.loop.run(pass(gate)), Cancelled);
}

TEST_F(TaskTest, FrameMadeAfterTheThreadsFramesWereSweptIsItsOwn) {
  struct Late {
    ~Late() {
      void* frame = detail::allocate_frame(64);
      void* other = ::operator new(64);
      *distinct = frame != other;
      ::operator delete(other);
      detail::free_frame(frame, 64);
    }
    bool* distinct = nullptr;
  };
  bool distinct = false;
  std::thread([&] {
    thread_local Late late;  // made before the first frame, so destroyed after the last
    late.distinct = &distinct;
    detail::free_frame(detail::allocate_frame(64), 64);
  }).join();
  EXPECT_TRUE(distinct);
}

}  // namespace
}  // namespace brigade
