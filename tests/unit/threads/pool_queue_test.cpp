#include "threads/pool_queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <deque>
#include <vector>

namespace brigade::detail {
namespace {

using std::chrono::milliseconds;

struct TestJob final : QueuedJob {
  TestJob(int number_, int priority_, Duration at) : number(number_) {
    priority = priority_;
    queued_at = TimePoint(at);
  }
  int number;
};

class JobQueueTest : public testing::Test {
 protected:
  TestJob& push(int priority, Duration at = Duration::zero()) {
    TestJob& job = jobs.emplace_back(static_cast<int>(jobs.size()), priority, at);
    queue.push(job);
    return job;
  }
  std::vector<int> pop_all(Duration now = Duration::zero()) {
    std::vector<int> order;
    while (QueuedJob* job = queue.pop(TimePoint(now))) {
      order.push_back(static_cast<TestJob*>(job)->number);
    }
    return order;
  }
  std::deque<TestJob> jobs;
  JobQueue queue{Duration::zero()};
};

TEST_F(JobQueueTest, IsEmptyAtFirst) {
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(queue.pop(TimePoint()), nullptr);
}

TEST_F(JobQueueTest, GivesThoseOfOnePriorityInTheOrderTheyCame) {
  for (int i = 0; i < 5; ++i) push(0);
  EXPECT_EQ(queue.size(), 5U);
  EXPECT_EQ(pop_all(), (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(queue.size(), 0U);
}

TEST_F(JobQueueTest, GivesHigherPrioritiesFirst) {
  for (const int priority : {0, -10, 10, 3, 0, 10}) push(priority);
  EXPECT_EQ(pop_all(), (std::vector<int>{2, 5, 3, 0, 4, 1}));
}

TEST_F(JobQueueTest, HoldsPrioritiesWithinTheirLimits) {
  push(-1000);
  push(-10);
  push(1000);
  push(10);
  EXPECT_EQ(pop_all(), (std::vector<int>{2, 3, 0, 1}));
}

TEST_F(JobQueueTest, GivesUpAJobWhereverItStands) {
  push(0);
  TestJob& middle = push(0);
  push(0);
  TestJob& alone = push(5);
  queue.remove(alone);
  queue.remove(middle);
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(pop_all(), (std::vector<int>{0, 2}));
}

TEST_F(JobQueueTest, WithoutAgingLetsLowPrioritiesWaitForEver) {
  push(-10, milliseconds(0));
  push(-9, milliseconds(1'000'000));
  EXPECT_EQ(pop_all(milliseconds(2'000'000)), (std::vector<int>{1, 0}));
}

class AgingJobQueueTest : public JobQueueTest {
 protected:
  AgingJobQueueTest() { std::construct_at(&queue, milliseconds(100)); }
};

TEST_F(AgingJobQueueTest, RaisesAJobByAStepForEachTimeItHasWaited) {
  push(0, milliseconds(0));    // two steps up by 299 ms
  push(3, milliseconds(299));  // still above
  EXPECT_EQ(pop_all(milliseconds(299)), (std::vector<int>{1, 0}));
  push(0, milliseconds(0));
  push(3, milliseconds(400));
  EXPECT_EQ(pop_all(milliseconds(400)), (std::vector<int>{2, 3}));
}

TEST_F(AgingJobQueueTest, PrefersTheOneThatCameFirstWhenTwoRankAlike) {
  push(1, milliseconds(0));
  push(2, milliseconds(100));
  EXPECT_EQ(pop_all(milliseconds(100)), (std::vector<int>{0, 1}));
}

TEST_F(AgingJobQueueTest, KeepsTheOrderWithinAPriority) {
  for (int i = 0; i < 4; ++i) push(i % 2, milliseconds(i));
  EXPECT_EQ(pop_all(milliseconds(50)), (std::vector<int>{1, 3, 0, 2}));
}

TEST_F(AgingJobQueueTest, ServesTheLowestInTheEndWhateverKeepsComing) {
  push(JobOptions::lowest_priority, milliseconds(0));
  int served = 0;
  for (Duration now = milliseconds(0);; now += milliseconds(50)) {
    push(JobOptions::highest_priority, now);
    const auto* job = static_cast<TestJob*>(queue.pop(TimePoint(now)));
    if (job->number == 0) break;
    ++served;
    ASSERT_LT(served, 1000);
  }
  EXPECT_GT(served, 30);
  while (queue.pop(TimePoint())) {
  }
}

}  // namespace
}  // namespace brigade::detail
