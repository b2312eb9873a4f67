// Processes with a real-time priority on one CPU: whoever spins for another there keeps it from
// running, for ever. RLIMIT_RTTIME ends one that does.
#include <sched.h>
#include <sys/resource.h>
#include <brigade/system.hpp>

#include <ctime>

#include "unit/shared/child.hpp"
#include "unit/shared/shared_ring_crash_support.hpp"

namespace brigade {
namespace {

using namespace testing_support;
using namespace std::chrono_literals;

/// On the first of the CPUs, before all ordinary processes there, until it blocks.
bool become_realtime(int priority) {
  const rlimit limit{.rlim_cur = 5'000'000, .rlim_max = 5'000'000};  // us without blocking
  const sched_param parameter{.sched_priority = priority};
  return pin_this_thread(allowed_cpus().front()).ok() && ::setrlimit(RLIMIT_RTTIME, &limit) == 0 &&
         ::sched_setscheduler(0, SCHED_FIFO, &parameter) == 0;
}

constexpr int kRefused = 77;
constexpr std::uint64_t kMessages = kSanitized ? 2'000 : 20'000;

class SharedRingRealtime : public testing::Test {
 protected:
  void SetUp() override {
    Child probe([] { return become_realtime(1) ? 0 : kRefused; });
    if (probe.wait() != 0) GTEST_SKIP() << "this process may not have a real-time priority";
  }

  static int push_all(const std::shared_ptr<RingMemory>& memory, std::uint32_t id, int priority) {
    const auto writer = make_writer(memory);
    if (!become_realtime(priority)) return kRefused;
    std::vector<std::byte> buffer;
    for (std::uint64_t number = 0; number < kMessages; ++number) {
      const auto message = stamped(buffer, stamp(id, number));
      if (writer->push_all({&message, 1}, patience).status != RingStatus::ok) return 1;
    }
    return 0;
  }
  static int read_all(const std::shared_ptr<RingMemory>& memory, unsigned producers, int priority) {
    const auto reader = make_reader(memory);
    if (!become_realtime(priority)) return kRefused;
    Order order;
    for (std::uint32_t id = 1; id <= producers; ++id) read_until(*reader, order, id, kMessages);
    return testing::Test::HasFailure() ? 1 : 0;
  }

  static void run(unsigned producers, int producers_priority, int consumers_priority) {
    const auto memory = make_memory(producers);
    Child consumer([&] { return read_all(memory, producers, consumers_priority); });
    Child first([&] { return push_all(memory, 1, producers_priority); });
    if (producers > 1) {
      Child second([&] { return push_all(memory, 2, producers_priority); });
      EXPECT_EQ(second.wait(), 0);
    }
    EXPECT_EQ(first.wait(), 0);
    EXPECT_EQ(consumer.wait(), 0);
  }
};

TEST_F(SharedRingRealtime, EqualPrioritiesGetOn) {
  run(1, 1, 1);
  run(2, 1, 1);
}
TEST_F(SharedRingRealtime, AProducerThatGoesFirstLetsTheConsumerRun) {
  run(1, 2, 1);
  run(2, 2, 1);
}
TEST_F(SharedRingRealtime, AConsumerThatGoesFirstLetsTheProducersRun) {
  run(1, 1, 2);
  run(2, 1, 2);
}

TEST_F(SharedRingRealtime, AConsumerThatGoesFirstPassesWhatADeadProducerReserved) {
  const auto memory = make_memory(2);
  Child consumer([&] {
    const auto reader = make_reader(memory);
    if (!become_realtime(2)) return kRefused;
    Order order;
    read_until(*reader, order, 2, 1);
    return testing::Test::HasFailure() ? 1 : 0;
  });
  Child victim([&] {
    const auto writer = make_writer(memory);
    if (!become_realtime(1)) return kRefused;
    push_stamped(*writer, stamp(1, 0), SignalAt{RingStep::after_reserve});
    return 0;
  });
  EXPECT_EQ(victim.wait(), -1);
  push_stamped(*make_writer(memory), stamp(2, 0));
  EXPECT_EQ(consumer.wait(), 0);
  EXPECT_EQ(memory->header().abandoned.get(), 1U);
}

std::chrono::nanoseconds cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

TEST(SharedRingSpin, AConsumerDoesNotWaitForAStoppedProducerOnceTheRingIsCorrupt) {
  const auto memory = make_memory(2);
  Child stopped([&] {
    const auto writer = make_writer(memory);
    push_stamped(*writer, stamp(1, 0), SignalAt{RingStep::after_reserve, SIGSTOP});
    return 0;
  });
  ASSERT_TRUE(stopped.wait_until_stopped());
  const auto reader = make_reader(memory);
  EXPECT_EQ(reader->wait(0ns), RingStatus::empty);
  memory->mark_corrupt();
  EXPECT_EQ(reader->wait(patience), RingStatus::corrupt);
}

TEST(SharedRingSpin, AProducerSleepsWhereRoomIsShownThatIsNotThere) {
  const auto memory = make_memory(1);
  const auto writer = make_writer(memory);
  const std::string text(1000, 'x');
  const auto message = bytes(text);
  while (writer->push_now({&message, 1}).status == RingStatus::ok) {
  }
  memory->header().tail.store(0);  // as if all were free
  const auto began = cpu_time();
  EXPECT_EQ(writer->push_all({&message, 1}, 300ms).status, RingStatus::full);
  EXPECT_LT(cpu_time() - began, 150ms);
}

TEST(SharedRingSpin, AConsumerSleepsWhereAMessageIsShownThatIsNotThere) {
  const auto memory = make_memory(2);
  Child stopped([&] {
    const auto writer = make_writer(memory);
    push_stamped(*writer, stamp(1, 0), SignalAt{RingStep::after_reserve, SIGSTOP});
    return 0;
  });
  ASSERT_TRUE(stopped.wait_until_stopped());
  const auto reader = make_reader(memory);
  EXPECT_EQ(reader->wait(0ns), RingStatus::empty);
  memory->header().tail.store(0);            // as if all were read,
  memory->close(detail::RingState::closed);  // and nothing could come
  const auto began = cpu_time();
  EXPECT_EQ(reader->wait(300ms), RingStatus::empty);
  EXPECT_LT(cpu_time() - began, 150ms);
}

}  // namespace
}  // namespace brigade
