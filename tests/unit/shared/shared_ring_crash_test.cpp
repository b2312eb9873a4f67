// Producers that are killed anywhere in a push (F53). What they had committed is delivered once,
// what they had not is not, and the others go on.
//
// The driver, a single-threaded process, is the consumer and also a producer, the survivor.
#include <random>

#include "unit/shared/child.hpp"
#include "unit/shared/shared_ring_crash_support.hpp"

namespace brigade {
namespace {

using namespace testing_support;

constexpr std::uint32_t kSurvivor = 0;

TEST(SharedRingCrash, KilledAtAnyStepWithOthersAtWork) {
  std::mt19937 random(42);
  const auto memory = make_memory(4);
  const auto reader = make_reader(memory);
  const auto survivor = make_writer(memory);
  Order order;
  std::uint64_t unfinished = 0;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    struct Victim {
      std::uint32_t id;
      std::uint64_t before;
      RingStep step;
      std::unique_ptr<Child> child;
    };
    std::array<Victim, 2> victims;
    for (std::uint32_t i = 0; i < victims.size(); ++i) {
      Victim& victim = victims[i];
      victim.id = round * 2 + i + 1;
      victim.before = random() % 4;
      victim.step = kSteps[random() % std::size(kSteps)];
      victim.child = std::make_unique<Child>([&] {
        const auto writer = make_writer(memory);
        for (std::uint64_t n = 0; n < victim.before; ++n) {
          push_stamped(*writer, stamp(victim.id, n));
        }
        push_stamped(*writer, stamp(victim.id, victim.before), SignalAt{victim.step});
        return 1;
      });
    }
    const std::uint64_t number = round;
    const auto message = stamp(kSurvivor, number);
    std::vector<std::byte> buffer;
    const auto sent = stamped(buffer, message);
    while (survivor->push_now({&sent, 1}).status == RingStatus::full) read_some(*reader, order);
    for (const Victim& victim : victims) {
      // Read meanwhile: they may be waiting for room.
      ASSERT_TRUE(eventually([&] {
        read_some(*reader, order);
        siginfo_t info{};
        ::waitid(P_PID, static_cast<id_t>(victim.child->pid()), &info, WEXITED | WNOWAIT | WNOHANG);
        return info.si_pid != 0 || HasFatalFailure();
      }));
      ASSERT_EQ(victim.child->wait(), -1);
    }
    // Behind all that they left.
    push_stamped(*survivor, stamp(1'000'000, number));
    ASSERT_NO_FATAL_FAILURE(read_until(*reader, order, 1'000'000, number + 1));
    EXPECT_EQ(order.count(kSurvivor), number + 1);
    for (const Victim& victim : victims) {
      const bool committed = victim.step == RingStep::after_commit;
      ASSERT_EQ(order.count(victim.id), victim.before + (committed ? 1 : 0))
          << "step " << static_cast<int>(victim.step);
      if (victim.step >= RingStep::after_reserve && !committed) ++unfinished;
    }
  }
  EXPECT_EQ(memory->header().abandoned.get(), unfinished);
  EXPECT_GT(unfinished, 0U);
}

TEST(SharedRingCrash, KilledAtAnyStepOfTheOnlyProducer) {
  std::mt19937 random(43);
  const auto memory = make_memory(1);
  const auto reader = make_reader(memory);
  Order order;
  for (std::uint32_t round = 0; round < kRounds / 5; ++round) {
    const RingStep step = kSteps[random() % std::size(kSteps)];
    Child child([&] {
      const auto writer = make_writer(memory);
      push_stamped(*writer, stamp(round, 0));
      push_stamped(*writer, stamp(round, 1), SignalAt{step});
      // Steps that a single producer has not.
      ::kill(::getpid(), SIGKILL);
      return 1;
    });
    ASSERT_EQ(child.wait(), -1);
    ASSERT_NO_FATAL_FAILURE(read_some(*reader, order));
    const bool pushed = step >= RingStep::after_commit || step == RingStep::after_intent ||
                        step == RingStep::after_reserve || step == RingStep::after_claim;
    ASSERT_EQ(order.count(round), pushed ? 2U : 1U) << static_cast<int>(step);
  }
  EXPECT_EQ(memory->header().abandoned.get(), 0U);
}

void kill_at_random_times(unsigned producers) {
  std::mt19937 random(44);
  const auto memory = make_memory(producers);
  const auto reader = make_reader(memory);
  Order order;
  const unsigned at_once = producers == 1 ? 1 : 2;
  for (std::uint32_t round = 0; round < kRounds / 5; ++round) {
    std::vector<std::unique_ptr<Child>> children;
    for (unsigned i = 0; i < at_once; ++i) {
      const std::uint32_t id = round * at_once + i;
      children.push_back(std::make_unique<Child>([&memory, id] {
        const auto writer = make_writer(memory);
        for (std::uint64_t number = 0;; ++number) push_stamped(*writer, stamp(id, number));
        return 1;
      }));
    }
    // Until each has begun, and then for a moment.
    for (unsigned i = 0; i < at_once; ++i) {
      ASSERT_NO_FATAL_FAILURE(read_until(*reader, order, round * at_once + i, 1));
    }
    for (unsigned turns = random() % 100; turns > 0; --turns) read_some(*reader, order);
    for (const auto& child : children) child->signal(SIGKILL);
    for (const auto& child : children) ASSERT_EQ(child->wait(), -1);
    // Its messages without a gap: only the last can be missing.
    const auto successor = make_writer(memory);
    const std::uint32_t id = 1'000'000 + round;
    std::vector<std::byte> buffer;
    const auto sent = stamped(buffer, stamp(id, 0));
    ASSERT_TRUE(eventually([&] {
      read_some(*reader, order);
      return successor->push_now({&sent, 1}).status == RingStatus::ok ||
             testing::Test::HasFatalFailure();
    }));
    ASSERT_NO_FATAL_FAILURE(read_until(*reader, order, id, 1));
  }
}
TEST(SharedRingCrash, KilledAtRandomTimesAmongSeveral) {
  kill_at_random_times(4);
}
TEST(SharedRingCrash, TheOnlyProducerKilledAtRandomTimes) {
  kill_at_random_times(1);
}

/// Two die with an intent at the same place, of different lengths: only one of them had reserved
/// it.
void die_at_one_place(std::uint32_t loser_length, std::uint32_t winner_length, RingStep step,
                      bool third) {
  const auto memory = make_memory(4);
  const auto reader = make_reader(memory);
  const auto survivor = make_writer(memory);
  Order order;
  // The loser has seen the tail, and is stopped before it tries to move it.
  Child loser([&] {
    const auto writer = make_writer(memory);
    push_stamped(*writer, {.producer = 1, .length = loser_length},
                 SignalAt{RingStep::after_intent, SIGSTOP});
    return 1;
  });
  ASSERT_TRUE(loser.wait_until_stopped());
  Child winner([&] {
    const auto writer = make_writer(memory);
    push_stamped(*writer, {.producer = 2, .length = winner_length}, SignalAt{step});
    return 1;
  });
  ASSERT_EQ(winner.wait(), -1);
  if (third) {
    Child next([&] {
      const auto writer = make_writer(memory);
      push_stamped(*writer, {.producer = 3, .length = 64}, SignalAt{RingStep::after_reserve});
      return 1;
    });
    ASSERT_EQ(next.wait(), -1);
  }
  push_stamped(*survivor, stamp(kSurvivor, 0));
  // The loser lives, and might be the one.
  std::vector<std::byte> message;
  EXPECT_EQ(reader->pop(message, std::chrono::milliseconds(5)), RingStatus::empty);
  loser.signal(SIGKILL);
  ASSERT_EQ(loser.wait(), -1);
  ASSERT_NO_FATAL_FAILURE(read_until(*reader, order, kSurvivor, 1));
  EXPECT_EQ(memory->header().abandoned.get(), third ? 2U : 1U);
}
TEST(SharedRingCrash, OfTwoDeadAtOnePlaceTheOneThatReservedCounts) {
  for (const RingStep step : {RingStep::after_reserve, RingStep::after_claim,
                              RingStep::half_written, RingStep::before_commit}) {
    for (const bool third : {false, true}) {
      die_at_one_place(24, 200, step, third);
      die_at_one_place(200, 24, step, third);
      die_at_one_place(24, 24, step, third);
      die_at_one_place(24 + 72, 24, step, third);  // the loser's end is the third's
    }
  }
}

TEST(SharedRingCrash, WhoWasBeatenAndGaveUpIsNotWaitedFor) {
  const auto memory = make_memory(4);
  const auto reader = make_reader(memory);
  const auto survivor = make_writer(memory);
  Child beaten([&] {
    const auto writer = make_writer(memory);
    std::vector<std::byte> buffer;
    const auto message = stamped(buffer, {.producer = 1, .length = 200});
    const RingStatus status =
        writer->push_some({&message, 1}, SignalAt{RingStep::after_intent, SIGSTOP}).status;
    ::kill(::getpid(), SIGSTOP);
    return status == RingStatus::full ? 0 : 1;
  });
  ASSERT_TRUE(beaten.wait_until_stopped());
  Child winner([&] {
    const auto writer = make_writer(memory);
    push_stamped(*writer, stamp(2, 0), SignalAt{RingStep::after_reserve});
    return 1;
  });
  ASSERT_EQ(winner.wait(), -1);
  std::vector<std::byte> buffer;
  const auto message = stamped(buffer, stamp(kSurvivor, 0));
  while (survivor->push_now({&message, 1}).status == RingStatus::ok) {
  }
  beaten.signal(SIGCONT);  // finds the ring full, and lives on
  ASSERT_TRUE(beaten.wait_until_stopped());
  std::vector<std::byte> popped;
  EXPECT_EQ(reader->pop(popped, patience), RingStatus::ok);
  beaten.signal(SIGCONT);
  EXPECT_EQ(beaten.wait(), 0);
}

TEST(SharedRingCrash, AStoppedProducerIsWaitedFor) {
  const auto memory = make_memory(4);
  const auto reader = make_reader(memory);
  const auto survivor = make_writer(memory);
  Child stopped([&] {
    const auto writer = make_writer(memory);
    push_stamped(*writer, stamp(1, 0), SignalAt{RingStep::half_written, SIGSTOP});
    return 0;
  });
  ASSERT_TRUE(stopped.wait_until_stopped());
  push_stamped(*survivor, stamp(kSurvivor, 0));
  std::vector<std::byte> message;
  EXPECT_EQ(reader->pop(message, std::chrono::milliseconds(5)), RingStatus::empty);
  stopped.signal(SIGCONT);
  Order order;
  ASSERT_NO_FATAL_FAILURE(read_until(*reader, order, kSurvivor, 1));
  EXPECT_EQ(order.count(1), 1U);
  EXPECT_EQ(stopped.wait(), 0);
  EXPECT_EQ(memory->header().abandoned.get(), 0U);
}

TEST(SharedRingCrash, WhoSleepsWhenKilledIsNotMissed) {
  for (const unsigned producers : {1U, 4U}) {
    const auto memory = make_memory(producers);
    {
      Child reader([&] {
        make_reader(memory)->wait(kForever);
        return 1;
      });
      ASSERT_TRUE(eventually([&] { return memory->header().consumer_sleeps.load() == 1; }));
    }
    const auto reader = make_reader(memory);
    {
      Child writer([&] {
        const auto own = make_writer(memory);
        const std::string text(1000, 'x');
        const auto message = bytes(text);
        while (own->push_all({&message, 1}, kForever).status == RingStatus::ok) {
        }
        return 1;
      });
      ASSERT_TRUE(eventually([&] { return memory->header().producers_sleep.load() == 1; }));
    }
    std::vector<std::byte> message;
    for (int i = 0; i < 4; ++i) ASSERT_EQ(reader->pop(message, patience), RingStatus::ok);
    const auto successor = make_writer(memory);
    push_stamped(*successor, stamp(1, 0));
    ASSERT_EQ(reader->pop(message, patience), RingStatus::ok);
    EXPECT_EQ(reader->try_pop(message), RingStatus::empty);
  }
}

TEST(SharedRingCrash, ADeadConsumersSuccessorGoesOn) {
  std::mt19937 random(45);
  for (const unsigned producers : {1U, 4U}) {
    const auto memory = make_memory(producers);
    const auto writer = make_writer(memory);
    std::uint64_t pushed = 0;
    std::uint64_t seen = 0;
    for (std::uint32_t round = 0; round < kRounds / 5; ++round) {
      Child child([&] {
        const auto reader = make_reader(memory);
        Order order;
        for (;;) {
          std::vector<std::byte> message;
          reader->pop(message, kForever);
        }
        return 1;
      });
      // The ring is full when nobody reads, so this goes at the child's pace.
      const std::uint64_t goal = pushed + random() % 200;
      while (pushed < goal) push_stamped(*writer, stamp(1, pushed++));
      child.signal(SIGKILL);
      ASSERT_EQ(child.wait(), -1);
      // A part of what it left: from somewhere on, without a gap.
      const auto reader = make_reader(memory);
      std::vector<std::byte> message;
      for (unsigned take = 1 + random() % 3; take > 0; --take) {
        if (reader->try_pop(message) != RingStatus::ok) break;
        Stamp found;
        ASSERT_TRUE(read_stamp(message, found));
        ASSERT_GE(found.number, seen);
        ASSERT_LT(found.number, pushed);
        seen = found.number + 1;
      }
    }
  }
}

}  // namespace
}  // namespace brigade
