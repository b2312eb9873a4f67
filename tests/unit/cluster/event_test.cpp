#include <gtest/gtest.h>
#include <brigade/event.hpp>

#include <vector>

#include "support/counted.hpp"
#include "support/root.hpp"

namespace brigade {
namespace {

using testing_support::FakeLoop;
using testing_support::Root;

class EventTest : public testing_support::NothingLeft {
 protected:
  FakeLoop fake;
  Event event;
};

Task<> wait_for(Event& event) {
  co_await event.wait();
}

Task<> note_when(Event& event, std::vector<int>& order, int number) {
  co_await event.wait();
  order.push_back(number);
}

TEST_F(EventTest, LetsNobodyWaitOnceItHasHappened) {
  event.set();
  EXPECT_TRUE(event.is_set());
  Root root(wait_for(event));
  root.start();
  EXPECT_TRUE(root.done());
}

TEST_F(EventTest, ResumesAllWhoWaitInTheOrderTheyCame) {
  std::vector<int> order;
  Root first(note_when(event, order, 1));
  Root second(note_when(event, order, 2));
  Root third(note_when(event, order, 3));
  for (Root* root : {&first, &second, &third}) root->start();
  EXPECT_TRUE(order.empty());
  event.set();
  fake.loop.turn(false);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_F(EventTest, ResumesNobodyInsideTheCallToSet) {
  Root root(wait_for(event));
  root.start();
  event.set();
  EXPECT_FALSE(root.done());
  run_until_done(fake, root);
}

TEST_F(EventTest, MayBeSetTwice) {
  Root root(wait_for(event));
  root.start();
  event.set();
  event.set();
  run_until_done(fake, root);
  EXPECT_NO_THROW(root.result());
}

TEST_F(EventTest, EndsTheWaitOfACancelledTask) {
  Root root(wait_for(event));
  root.start();
  root.cancel(CancelReason::deadline);
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::deadline);
}

TEST_F(EventTest, StillResumesTheOthersWhenOneWasCancelled) {
  Root cancelled(wait_for(event));
  Root other(wait_for(event));
  cancelled.start();
  other.start();
  cancelled.cancel();
  run_until_done(fake, cancelled);
  EXPECT_FALSE(other.done());
  event.set();
  run_until_done(fake, other);
  EXPECT_NO_THROW(other.result());
}

TEST_F(EventTest, LosesToACancelInTheSameTurn) {
  Root root(wait_for(event));
  root.start();
  event.set();
  root.cancel();
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::user);
}

TEST_F(EventTest, ForgetsATaskThatIsDestroyedWhileItWaits) {
  Root destroyed(wait_for(event));
  Root other(wait_for(event));
  destroyed.start();
  other.start();
  destroyed.destroy();
  event.set();
  run_until_done(fake, other);
  EXPECT_NO_THROW(other.result());
}

TEST_F(EventTest, ForgetsATaskThatIsDestroyedBeforeItIsResumed) {
  Root root(wait_for(event));
  root.start();
  event.set();
  root.destroy();
  fake.loop.turn(false);
  EXPECT_FALSE(root.done());
}

}  // namespace
}  // namespace brigade
