// Tasks of several processes that sleep on one shared word.
#include <brigade/shared_array.hpp>
#include <brigade/wait_async.hpp>
#include <brigade/when.hpp>

#include <gtest/gtest.h>
#include "unit/shared/child.hpp"
#include "unit/shared/waiters.hpp"

#include <memory>
#include <tuple>
#include <vector>

namespace brigade {
namespace {

using atomics::WaitResult;
using testing_support::Child;
using testing_support::count_waiters;
using testing_support::until_waiting;

using Array = SharedArray<std::int32_t>;

constexpr int ok = static_cast<int>(WaitResult::ok);
constexpr int not_equal = static_cast<int>(WaitResult::not_equal);

Task<int> wait_for_zero(Array array) {
  const auto result = co_await atomics::wait_async(array[0], 0, testing_support::patience);
  co_return static_cast<int>(result);
}

class WaitAsyncInAnotherProcess : public testing::Test {
 protected:
  /// A child with a task that waits; it exits with the result.
  std::unique_ptr<Child> start_waiter() {
    return std::make_unique<Child>([this] {
      Loop loop;
      return loop.run(wait_for_zero(array));
    });
  }
  /// The same with two tasks; it exits with the sum of the results.
  std::unique_ptr<Child> start_two_waiters() {
    return std::make_unique<Child>([this] {
      Loop loop;
      return loop.run([](Array own) -> Task<int> {
        const auto both = co_await when_all(wait_for_zero(own), wait_for_zero(own));
        co_return std::get<0>(both) + std::get<1>(both);
      }(array));
    });
  }

  const Array array = Array::create(1);
  const SharedCell<std::int32_t> cell = array[0];
};

TEST_F(WaitAsyncInAnotherProcess, IsEndedInTheOrderOfArrival) {
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < 3; ++i) {
    children.push_back(start_waiter());
    ASSERT_TRUE(until_waiting(cell, i + 1));
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(atomics::notify(cell, 1), 1);
    EXPECT_EQ(children[static_cast<std::size_t>(i)]->wait(), ok);
    EXPECT_EQ(count_waiters(cell), 2 - i);
  }
}

TEST_F(WaitAsyncInAnotherProcess, IsForgottenWithAProcessThatIsKilled) {
  for (int round = 0; round < 10; ++round) {
    const auto victim = start_two_waiters();
    ASSERT_TRUE(until_waiting(cell, 2));
    const auto survivor = start_waiter();
    ASSERT_TRUE(until_waiting(cell, 3));
    victim->signal(SIGKILL);
    EXPECT_EQ(victim->wait(), -1);
    EXPECT_EQ(count_waiters(cell), 1);
    EXPECT_EQ(atomics::notify(cell), 1);
    EXPECT_EQ(survivor->wait(), ok);
  }
}

TEST_F(WaitAsyncInAnotherProcess, GoesOnAfterAStop) {
  const auto child = start_two_waiters();
  for (int stops = 0; stops < 3; ++stops) {
    ASSERT_TRUE(until_waiting(cell, 2));
    child->signal(SIGSTOP);
    ASSERT_TRUE(child->wait_until_stopped());
    EXPECT_EQ(count_waiters(cell), 0) << "who is stopped stands in no queue";
    child->signal(SIGCONT);
  }
  ASSERT_TRUE(until_waiting(cell, 2));
  EXPECT_EQ(atomics::notify(cell), 2);
  EXPECT_EQ(child->wait(), ok + ok);
}

TEST_F(WaitAsyncInAnotherProcess, SeesAfterAStopThatTheValueHasChanged) {
  const auto child = start_two_waiters();
  ASSERT_TRUE(until_waiting(cell, 2));
  child->signal(SIGSTOP);
  ASSERT_TRUE(child->wait_until_stopped());
  atomics::store(cell, 1);
  EXPECT_EQ(atomics::notify(cell), 0);
  child->signal(SIGCONT);
  EXPECT_EQ(child->wait(), not_equal + not_equal);
}

}  // namespace
}  // namespace brigade
