// A SharedRing between threads: nothing is lost, doubled or out of order, and nobody sleeps for
// ever.
#include <brigade/shared_ring.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "shared/shared_ring_wait.hpp"
#include "support/patience.hpp"
#include "unit/shared/shared_ring_support.hpp"

namespace brigade {
namespace {

using namespace std::chrono_literals;
using testing_support::bytes;
using testing_support::Stamp;

constexpr std::uint64_t kMessages = 10'000;

/// One after the other, or in batches of seven.
void produce(RingProducer producer, std::uint32_t id, bool batches) {
  std::array<std::vector<std::byte>, 7> buffers;
  std::array<std::span<const std::byte>, 7> batch;
  std::size_t filled = 0;
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    batch[filled] = testing_support::stamped(
        buffers[filled],
        {.producer = id, .length = testing_support::some_length(number), .number = number});
    if (++filled == (batches ? batch.size() : 1) || number + 1 == kMessages) {
      const RingCount pushed = producer.push_all(std::span(batch).first(filled));
      ASSERT_EQ(pushed.status, RingStatus::ok);
      ASSERT_EQ(pushed.count, filled);
      filled = 0;
    }
  }
}

struct Expectation {
  std::vector<std::uint64_t> next;
  void see(std::span<const std::byte> message) {
    Stamp stamp;
    ASSERT_TRUE(testing_support::read_stamp(message, stamp));
    ASSERT_LT(stamp.producer, next.size());
    ASSERT_EQ(stamp.number, next[stamp.producer]);
    ++next[stamp.producer];
  }
};

void consume(RingConsumer consumer, unsigned producers, bool pops) {
  Expectation expected{std::vector<std::uint64_t>(producers)};
  std::vector<std::byte> message;
  for (;;) {
    const RingStatus status = pops ? consumer.pop(message) : consumer.wait();
    if (status == RingStatus::closed) break;
    ASSERT_EQ(status, RingStatus::ok);
    if (pops) {
      expected.see(message);
    } else {
      consumer.read([&](std::span<const std::byte> each) { expected.see(each); });
    }
  }
  for (const std::uint64_t count : expected.next) EXPECT_EQ(count, kMessages);
}

void run(unsigned producers, bool batches, bool pops, bool checksum = false) {
  // Small, so that both sides wait, too.
  SharedRing ring =
      SharedRing::create({.capacity = 4096, .producers = producers, .checksum = checksum}).value();
  std::thread consumer([&] { consume(ring.consumer().value(), producers, pops); });
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < producers; ++id) {
    threads.emplace_back([&, id] { produce(ring.producer().value(), id, batches); });
  }
  for (auto& each : threads) each.join();
  ring.close();
  consumer.join();
  EXPECT_EQ(ring.abandoned(), 0U);
}

TEST(SharedRingThreads, OneProducerIsReadInOrder) {
  run(1, false, true);
  run(1, true, false);
}

TEST(SharedRingThreads, SeveralProducersAreReadEachInOrder) {
  run(3, false, false);
  run(3, true, true);
}

TEST(SharedRingThreads, SeveralProducersWithChecksumsAreReadEachInOrder) {
  run(3, true, false, true);
}

TEST(SharedRingThreads, WhatWasPushedBeforeComesOutBefore) {
  SharedRing ring = SharedRing::create({.capacity = 1 << 16, .producers = 2}).value();
  RingConsumer consumer = ring.consumer().value();
  std::array<RingProducer, 2> producers = {ring.producer().value(), ring.producer().value()};
  std::atomic<std::uint64_t> turn{0};
  std::array<std::thread, 2> threads;
  for (std::size_t id = 0; id < 2; ++id) {
    threads[id] = std::thread([&, id] {
      for (std::uint64_t number = id; number < 2000; number += 2) {
        while (turn.load() != number) std::this_thread::yield();
        producers[id].push(std::as_bytes(std::span(&number, 1)));
        turn.store(number + 1);
      }
    });
  }
  std::vector<std::byte> message;
  for (std::uint64_t number = 0; number < 2000; ++number) {
    ASSERT_EQ(consumer.pop(message), RingStatus::ok);
    ASSERT_EQ(message.size(), sizeof number);
    ASSERT_EQ(std::memcmp(message.data(), &number, sizeof number), 0);
  }
  for (auto& each : threads) each.join();
}

TEST(SharedRingThreads, ClosingWakesWhoeverWaits) {
  SharedRing ring = SharedRing::create({.capacity = 4096}).value();
  SharedRing full = SharedRing::create({.capacity = 4096}).value();
  std::thread reader([&] { EXPECT_EQ(ring.consumer().value().wait(), RingStatus::closed); });
  std::thread writer([&] {
    RingProducer producer = full.producer().value();
    const std::string sent(1000, 'x');
    RingStatus status = RingStatus::ok;
    while (status == RingStatus::ok) status = producer.push(bytes(sent));
    EXPECT_EQ(status, RingStatus::closed);
  });
  EXPECT_TRUE(testing_support::eventually([&] { return full.used() > 3000; }));
  ring.close();
  full.close();
  reader.join();
  writer.join();
}

// No slice ends in the time that this takes, so a wake-up that is lost shows.
TEST(SharedRingThreads, NoWakeUpIsLost) {
  constexpr std::uint32_t kTurns = 20'000;
  std::array<std::atomic<std::uint32_t>, 2> sleeps{};
  std::atomic<std::uint32_t> turn{0};
  const auto play = [&](std::uint32_t id) {
    const TimePoint deadline = detail::ring_deadline(testing_support::patience);
    for (std::uint32_t mine = id; mine < kTurns; mine += 2) {
      while (turn.load(std::memory_order_acquire) != mine && monotonic_now() < deadline) {
        detail::wait_a_slice(sleeps[id], deadline, 1h, [&] { return turn.load() == mine; });
      }
      turn.store(mine + 1);
      detail::wake_sleepers(sleeps[1 - id]);
    }
    EXPECT_LT(monotonic_now(), deadline);
  };
  std::thread other([&] { play(1); });
  play(0);
  other.join();
}

}  // namespace
}  // namespace brigade
