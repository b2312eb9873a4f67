// Who gets a lock, and who waits: decisions only.
#include "threads/lock_queue.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace brigade::locks::detail {
namespace {

using enum Mode;

struct Place final : LockPlace {
  Place(char its_name, Mode mode) : LockPlace(mode), name(its_name) {}
  bool held() const { return state() == State::held; }
  bool pending() const { return state() == State::pending; }
  const char name;
};

char name_of(LockPlace& place) {
  return static_cast<Place&>(place).name;
}

class LockQueueTest : public testing::Test {
 protected:
  // Each returns the names of those that were granted, in order.
  std::string add(Place& place) {
    queue.add(place);
    return grant();
  }
  std::string remove(Place& place) {
    queue.remove(place);
    return grant();
  }
  std::string grant() {
    std::string names;
    queue.grant([&names](LockPlace& place) { names += name_of(place); });
    return names;
  }
  std::string held() {
    std::string names;
    queue.for_each_held([&names](LockPlace& place) { names += name_of(place); });
    return names;
  }
  std::string pending() {
    std::string names;
    queue.for_each_pending([&names](LockPlace& place) { names += name_of(place); });
    return names;
  }

  Place a{'a', exclusive}, b{'b', exclusive}, c{'c', exclusive};
  Place r{'r', shared}, s{'s', shared}, t{'t', shared};
  LockQueue queue;
};

TEST_F(LockQueueTest, AFreeLockIsGrantedAtOnce) {
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(add(a), "a");
  EXPECT_TRUE(a.held());
  EXPECT_FALSE(queue.empty());
}

TEST_F(LockQueueTest, ExclusiveRequestsWaitInOrder) {
  add(a);
  EXPECT_EQ(add(b), "");
  EXPECT_EQ(add(c), "");
  EXPECT_EQ(pending(), "bc");
  EXPECT_EQ(remove(a), "b");
  EXPECT_EQ(remove(b), "c");
  EXPECT_EQ(remove(c), "");
  EXPECT_TRUE(queue.empty());
}

TEST_F(LockQueueTest, SharedRequestsHoldItTogether) {
  EXPECT_EQ(add(r), "r");
  EXPECT_EQ(add(s), "s");
  EXPECT_EQ(held(), "rs");
}

TEST_F(LockQueueTest, ASharedRequestDoesNotOvertakeAnExclusiveOne) {
  add(r);
  EXPECT_EQ(add(a), "");
  EXPECT_EQ(add(s), "");
  EXPECT_EQ(pending(), "as");
  EXPECT_EQ(remove(r), "a");
  EXPECT_EQ(remove(a), "s");
}

TEST_F(LockQueueTest, SharedRequestsNextToEachOtherAreGrantedTogether) {
  add(a);
  add(r);
  add(s);
  add(b);
  add(t);
  EXPECT_EQ(remove(a), "rs");
  EXPECT_EQ(pending(), "bt");
  EXPECT_EQ(remove(r), "");
  EXPECT_EQ(remove(s), "b");
  EXPECT_EQ(remove(b), "t");
}

TEST_F(LockQueueTest, AnExclusiveRequestWaitsForAllSharedHolders) {
  add(r);
  add(s);
  add(a);
  EXPECT_EQ(remove(s), "");
  EXPECT_EQ(remove(r), "a");
}

TEST_F(LockQueueTest, WhoLeavesTheLineLetsThoseBehindThrough) {
  add(r);
  add(a);
  add(s);
  EXPECT_EQ(remove(a), "s");
  EXPECT_EQ(held(), "rs");
}

TEST_F(LockQueueTest, IsAvailableOnlyWhenNobodyIsInTheWay) {
  EXPECT_TRUE(queue.available(exclusive));
  EXPECT_TRUE(queue.available(shared));
  add(r);
  EXPECT_FALSE(queue.available(exclusive));
  EXPECT_TRUE(queue.available(shared));
  add(a);
  EXPECT_FALSE(queue.available(shared)) << "an exclusive request waits";
  remove(r);
  EXPECT_FALSE(queue.available(shared));
}

TEST_F(LockQueueTest, StealingTakesItFromAllHoldersAndPassesTheLine) {
  add(r);
  add(s);
  add(a);
  std::string lost;
  queue.steal(b, [&lost](LockPlace& place) { lost += name_of(place); });
  EXPECT_EQ(lost, "rs");
  EXPECT_EQ(held(), "b");
  EXPECT_FALSE(r.held() || s.held());
  EXPECT_TRUE(a.pending());
  EXPECT_EQ(grant(), "");
  EXPECT_EQ(remove(b), "a");
}

TEST_F(LockQueueTest, StealingAFreeLockJustTakesIt) {
  int losers = 0;
  queue.steal(a, [&losers](LockPlace&) { ++losers; });
  EXPECT_EQ(losers, 0);
  EXPECT_EQ(held(), "a");
}

}  // namespace
}  // namespace brigade::locks::detail
