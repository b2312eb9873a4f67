// Sleeping on a shared word in several processes.
#include <brigade/atomics.hpp>
#include <brigade/shared_array.hpp>

#include <gtest/gtest.h>
#include "unit/shared/child.hpp"
#include "unit/shared/waiters.hpp"

#include <memory>
#include <vector>

namespace brigade {
namespace {

using atomics::WaitResult;
using testing_support::Child;
using testing_support::count_waiters;
using testing_support::DescriptorPair;
using testing_support::patience;
using testing_support::until_waiting;

class WaitInAnotherProcess : public testing::Test {
 protected:
  /// A child that waits for 0 and exits with the result.
  std::unique_ptr<Child> start_waiter() {
    return std::make_unique<Child>(
        [this] { return static_cast<int>(atomics::wait(cell, 0, patience)); });
  }

  const SharedArray<std::int32_t> array = SharedArray<std::int32_t>::create(1);
  const SharedCell<std::int32_t> cell = array[0];
};
constexpr int ok = static_cast<int>(WaitResult::ok);
constexpr int not_equal = static_cast<int>(WaitResult::not_equal);

TEST_F(WaitInAnotherProcess, MeetsUsAtDifferentAddresses) {
  DescriptorPair pair;
  Child child([&pair] {
    // Something in between, so that the mapping lies elsewhere.
    const auto filler = SharedBuffer::create(1 << 20).value();
    const auto theirs =
        SharedArray<std::int32_t>::over(SharedBuffer::attach(pair.receive()).value()).value();
    atomics::store(theirs[0], 7);
    return static_cast<int>(atomics::wait(theirs[0], 7, patience));
  });
  pair.send(array.buffer().fd());
  ASSERT_TRUE(until_waiting(cell, 1));
  EXPECT_EQ(atomics::load(cell), 7);
  EXPECT_EQ(atomics::notify(cell), 1);
  EXPECT_EQ(child.wait(), ok);
}

TEST_F(WaitInAnotherProcess, IsEndedInTheOrderOfArrival) {
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

TEST_F(WaitInAnotherProcess, IsForgottenWithAProcessThatIsKilled) {
  for (int round = 0; round < 20; ++round) {
    const auto victim = start_waiter();
    ASSERT_TRUE(until_waiting(cell, 1));
    const auto survivor = start_waiter();
    ASSERT_TRUE(until_waiting(cell, 2));
    victim->signal(SIGKILL);
    EXPECT_EQ(victim->wait(), -1);
    EXPECT_EQ(count_waiters(cell), 1);
    EXPECT_EQ(atomics::notify(cell), 1);
    EXPECT_EQ(survivor->wait(), ok);
    EXPECT_EQ(atomics::notify(cell), 0);
  }
}

TEST_F(WaitInAnotherProcess, GoesOnAfterAStop) {
  const auto child = start_waiter();
  ASSERT_TRUE(until_waiting(cell, 1));
  child->signal(SIGSTOP);
  ASSERT_TRUE(child->wait_until_stopped());
  EXPECT_EQ(count_waiters(cell), 0) << "who is stopped stands in no queue";
  child->signal(SIGCONT);
  ASSERT_TRUE(until_waiting(cell, 1));
  EXPECT_EQ(atomics::notify(cell), 1);
  EXPECT_EQ(child->wait(), ok);
}

TEST_F(WaitInAnotherProcess, SeesAfterAStopThatTheValueHasChanged) {
  const auto child = start_waiter();
  ASSERT_TRUE(until_waiting(cell, 1));
  child->signal(SIGSTOP);
  ASSERT_TRUE(child->wait_until_stopped());
  atomics::store(cell, 1);
  EXPECT_EQ(atomics::notify(cell), 0);
  child->signal(SIGCONT);
  EXPECT_EQ(child->wait(), not_equal) << "the notify that it missed must not leave it asleep";
}

}  // namespace
}  // namespace brigade
