#include "stats/scoreboard.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>

namespace brigade::stats {
namespace {

Scoreboard make(unsigned slots) {
  return Scoreboard::create(slots).value();
}

TEST(Scoreboard, StartsWithEverySlotFreeAndItsMakerAsPrimary) {
  Scoreboard board = make(4);
  EXPECT_EQ(board.slots(), 4u);
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(board.entry(i).id.load(), 0u);
  EXPECT_EQ(board.header().primary.pid.get(), ::getpid());
  EXPECT_GT(board.header().primary.started_unix_ms.get(), 0u);
}

TEST(Scoreboard, RefusesNoSlotsAndTooMany) {
  EXPECT_FALSE(Scoreboard::create(0));
  EXPECT_FALSE(Scoreboard::create(kMaxSlots + 1));
  EXPECT_TRUE(Scoreboard::create(kMaxSlots));
}

TEST(Scoreboard, IsOneForAllWhoAttach) {
  Scoreboard mine = make(3);
  Scoreboard theirs = Scoreboard::attach(mine.fd().duplicate()).value();
  EXPECT_EQ(theirs.slots(), 3u);
  theirs.slot(2).loop.requests.add(5);
  EXPECT_EQ(mine.slot(2).loop.requests.get(), 5u);
}

TEST(Scoreboard, ThrowsForASlotThatIsNotThere) {
  Scoreboard board = make(2);
  EXPECT_THROW(board.slot(2), std::out_of_range);
  EXPECT_THROW(board.entry(2), std::out_of_range);
  EXPECT_THROW(board.base(2), std::out_of_range);
  EXPECT_THROW(board.release_slot(2), std::out_of_range);
  EXPECT_THROW(board.listener(kMaxListeners), std::out_of_range);
}

TEST(Scoreboard, RefusesAnotherLayoutVersion) {
  Scoreboard board = make(1);
  board.header().layout.version = kLayoutVersion + 1;
  const auto attached = Scoreboard::attach(board.fd().duplicate());
  ASSERT_FALSE(attached);
  EXPECT_NE(attached.error().message().find("version " + std::to_string(kLayoutVersion + 1)),
            std::string::npos);
}

TEST(Scoreboard, RefusesAForeignSegmentAndOtherSizes) {
  Scoreboard board = make(2);
  Header::Layout& layout = board.header().layout;
  const auto refused = [&] { return !Scoreboard::attach(board.fd().duplicate()); };
  const Header::Layout good = layout;
  layout.magic ^= 1;
  EXPECT_TRUE(refused());
  layout = good;
  layout.slot_size += 1;
  EXPECT_TRUE(refused());
  layout = good;
  EXPECT_FALSE(refused());
}

TEST(Scoreboard, RefusesASlotCountThatDoesNotFitTheMapping) {
  Scoreboard board = make(2);
  for (const std::uint32_t slots : {0u, 1u, 3u, 257u, UINT32_MAX}) {
    board.header().layout.slots = slots;
    EXPECT_FALSE(Scoreboard::attach(board.fd().duplicate())) << slots;
  }
}

TEST(Scoreboard, RefusesWhatIsNoScoreboardAtAll) {
  EXPECT_FALSE(Scoreboard::attach(Fd()));
  EXPECT_FALSE(Scoreboard::attach(Fd(::open("/dev/null", O_RDWR | O_CLOEXEC))));
  const auto tiny = SharedSegment::create("tiny", 64).value();
  EXPECT_FALSE(Scoreboard::attach(tiny.fd().duplicate()));
}

TEST(Scoreboard, KeepsItsOwnSlotCountWhenTheHeaderIsOverwritten) {
  Scoreboard board = make(2);
  board.header().layout.slots = 200;
  EXPECT_EQ(board.slots(), 2u);
  EXPECT_THROW(board.slot(2), std::out_of_range);
}

TEST(Scoreboard, GivesOutSlotsUntilNoneIsFree) {
  Scoreboard board = make(2);
  EXPECT_EQ(board.claim_slot({.id = 1, .number = 0}).value(), 0u);
  EXPECT_EQ(board.claim_slot({.id = 2, .number = 1}).value(), 1u);
  EXPECT_FALSE(board.claim_slot({.id = 3}));
  board.release_slot(0);
  EXPECT_EQ(board.claim_slot({.id = 3}).value(), 0u);
}

TEST(Scoreboard, RefusesAWorkerWithoutAnId) {
  EXPECT_FALSE(make(1).claim_slot({.id = 0}));
}

TEST(Scoreboard, DescribesTheWorkerThatHasTheSlot) {
  Scoreboard board = make(1);
  const unsigned index =
      board.claim_slot({.id = 9, .number = 3, .generation = 2, .restarts = 4}).value();
  const Entry& entry = board.entry(index);
  EXPECT_EQ(entry.id.load(), 9u);
  EXPECT_EQ(entry.number.get(), 3u);
  EXPECT_EQ(entry.generation.get(), 2u);
  EXPECT_EQ(entry.restarts.get(), 4u);
  EXPECT_EQ(entry.state(), WorkerState::starting);
}

TEST(Scoreboard, KeepsCountersAndClearsGaugesWhenASlotIsReleased) {
  Scoreboard board = make(1);
  ASSERT_TRUE(board.claim_slot({.id = 1}));
  Slot& slot = board.slot(0);
  slot.loop.requests.add(10);
  slot.loop.connections_open.add(3);
  slot.loop.meter.busy_since_ns.set(77);
  slot.pool.done.add(2);
  slot.pool.queued.add(5);
  slot.latency.record(100);
  board.release_slot(0);
  EXPECT_EQ(slot.loop.requests.get(), 10u);
  EXPECT_EQ(slot.pool.done.get(), 2u);
  EXPECT_EQ(slot.latency.buckets[bucket_index(100)].get(), 1u);
  EXPECT_EQ(slot.loop.connections_open.get(), 0u);
  EXPECT_EQ(slot.loop.meter.busy_since_ns.get(), 0u);
  EXPECT_EQ(slot.pool.queued.get(), 0u);
  EXPECT_EQ(board.entry(0).state(), WorkerState::dead);
}

TEST(Scoreboard, TakesEveryCounterAsTheBaseOfTheNextWorker) {
  Scoreboard board = make(1);
  ASSERT_TRUE(board.claim_slot({.id = 1}));
  Slot& slot = board.slot(0);
  std::uint64_t value = 0;
  for (Counter* counter :
       {&slot.loop.meter.busy_ns, &slot.loop.meter.idle_ns, &slot.loop.meter.turns,
        &slot.loop.meter.cpu_ns, &slot.loop.connections_total, &slot.loop.requests,
        &slot.loop.responses[0], &slot.loop.responses[4], &slot.loop.bytes_in, &slot.loop.bytes_out,
        &slot.latency.buckets[0], &slot.latency.buckets[kBuckets - 1], &slot.latency.sum_us}) {
    counter->set(++value);
  }
  for (SharedCounter* counter : {&slot.pool.done, &slot.pool.failed, &slot.pool.refused,
                                 &slot.pool.cpu_ns, &slot.pool.run_ns}) {
    counter->set(++value);
  }
  board.release_slot(0);
  ASSERT_TRUE(board.claim_slot({.id = 2}));
  const Slot& base = board.base(0);
  std::uint64_t expected = 0;
  for (const Counter* counter :
       {&base.loop.meter.busy_ns, &base.loop.meter.idle_ns, &base.loop.meter.turns,
        &base.loop.meter.cpu_ns, &base.loop.connections_total, &base.loop.requests,
        &base.loop.responses[0], &base.loop.responses[4], &base.loop.bytes_in, &base.loop.bytes_out,
        &base.latency.buckets[0], &base.latency.buckets[kBuckets - 1], &base.latency.sum_us}) {
    EXPECT_EQ(counter->get(), ++expected);
  }
  for (const SharedCounter* counter : {&base.pool.done, &base.pool.failed, &base.pool.refused,
                                       &base.pool.cpu_ns, &base.pool.run_ns}) {
    EXPECT_EQ(counter->get(), ++expected);
  }
}

TEST(Scoreboard, TakesNoMemoryForSlotsThatNobodyUsed) {
  Scoreboard board = make(kMaxSlots);
  ASSERT_TRUE(board.claim_slot({.id = 1}));
  board.slot(0).loop.requests.add();
  struct stat status{};
  ASSERT_EQ(::fstat(board.fd().get(), &status), 0);
  EXPECT_LE(status.st_blocks * 512, 64 * 1024);
  EXPECT_GT(board.size(), 4u * 1024 * 1024);
}

TEST(Entry, ReadsAStateThatIsNoneAsDead) {
  Scoreboard board = make(1);
  board.entry(0).state_word.set(5);
  EXPECT_EQ(board.entry(0).state(), WorkerState::dead);
  board.entry(0).state_word.set(UINT32_MAX);
  EXPECT_EQ(board.entry(0).state(), WorkerState::dead);
}

TEST(LoopFigures, CountResponsesByClass) {
  LoopFigures figures{};
  for (const unsigned status : {100u, 200u, 204u, 304u, 404u, 503u, 999u, 0u}) {
    figures.add_response(status);
  }
  EXPECT_EQ(figures.responses[0].get(), 1u);
  EXPECT_EQ(figures.responses[1].get(), 2u);
  EXPECT_EQ(figures.responses[2].get(), 1u);
  EXPECT_EQ(figures.responses[3].get(), 1u);
  EXPECT_EQ(figures.responses[4].get(), 3u);
}

}  // namespace
}  // namespace brigade::stats
