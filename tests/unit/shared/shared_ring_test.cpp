// What one process sees of a SharedRing: messages, bounds, batches, closing. For one producer and
// for several, as they are two protocols.
#include <brigade/shared_ring.hpp>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "shared/shared_ring_memory.hpp"
#include "shared/shared_ring_reader.hpp"
#include "shared/shared_ring_writer.hpp"
#include "unit/shared/shared_ring_support.hpp"

namespace brigade {
namespace {

using namespace std::chrono_literals;
using testing_support::bytes;
using testing_support::text;
using Messages = std::vector<std::string>;

struct Case {
  unsigned producers;
  bool checksum;
};

class SharedRingTest : public testing::TestWithParam<Case> {
 protected:
  SharedRing make(std::size_t capacity = 4096) {
    return SharedRing::create({.capacity = capacity,
                               .producers = GetParam().producers,
                               .checksum = GetParam().checksum})
        .value();
  }
  static Messages read_all(RingConsumer& consumer, std::size_t max = 256) {
    Messages all;
    consumer.read([&all](std::span<const std::byte> message) { all.push_back(text(message)); },
                  max);
    return all;
  }
};
INSTANTIATE_TEST_SUITE_P(Of, SharedRingTest,
                         testing::Values(Case{1, false}, Case{1, true}, Case{4, false},
                                         Case{4, true}),
                         [](const auto& each) {
                           return std::string(each.param.producers == 1 ? "One" : "Several") +
                                  (each.param.checksum ? "WithChecksum" : "");
                         });

TEST_P(SharedRingTest, DeliversMessagesInOrder) {
  SharedRing ring = make();
  RingProducer producer = ring.producer().value();
  RingConsumer consumer = ring.consumer().value();
  std::vector<std::byte> message;
  EXPECT_EQ(consumer.try_pop(message), RingStatus::empty);
  for (const char* each : {"one", "", "three and then some"}) {
    ASSERT_EQ(producer.try_push(bytes(each)), RingStatus::ok);
  }
  for (const char* each : {"one", "", "three and then some"}) {
    ASSERT_EQ(consumer.try_pop(message), RingStatus::ok);
    EXPECT_EQ(text(message), each);
  }
  EXPECT_EQ(consumer.try_pop(message), RingStatus::empty);
  EXPECT_EQ(ring.used(), 0U);
}

TEST_P(SharedRingTest, HoldsEveryLengthUpToTheLimit) {
  SharedRing ring = make();
  RingProducer producer = ring.producer().value();
  RingConsumer consumer = ring.consumer().value();
  EXPECT_EQ(ring.max_message(), 4096U / 4 - 8);
  std::vector<std::byte> message;
  for (std::size_t length = 0; length <= ring.max_message(); ++length) {
    const std::string sent(length, static_cast<char>('a' + length % 26));
    ASSERT_EQ(producer.try_push(bytes(sent)), RingStatus::ok) << length;
    ASSERT_EQ(consumer.try_pop(message), RingStatus::ok) << length;
    ASSERT_EQ(text(message), sent) << length;
  }
  const std::string larger(ring.max_message() + 1, 'x');
  EXPECT_EQ(producer.try_push(bytes(larger)), RingStatus::too_large);
  EXPECT_EQ(producer.push(bytes(larger), 1h), RingStatus::too_large);
  EXPECT_EQ(ring.used(), 0U);
}

TEST_P(SharedRingTest, IsFullAtItsCapacityAndHasRoomAgainAfterARead) {
  SharedRing ring = make();
  RingProducer producer = ring.producer().value();
  RingConsumer consumer = ring.consumer().value();
  const std::string sent(56, 'x');  // 64 bytes each
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < 4096 / 64; ++i) {
      ASSERT_EQ(producer.try_push(bytes(sent)), RingStatus::ok);
    }
    EXPECT_EQ(producer.try_push(bytes("")), RingStatus::full);
    EXPECT_EQ(ring.used(), 4096U);
    std::vector<std::byte> message;
    ASSERT_EQ(consumer.try_pop(message), RingStatus::ok);
    EXPECT_EQ(producer.try_push(bytes(sent)), RingStatus::ok);
    std::size_t left = 0;
    while (const std::size_t some = read_all(consumer).size()) left += some;
    EXPECT_EQ(left, 4096U / 64);
  }
}

TEST_P(SharedRingTest, PushGivesUpAtTheEndOfItsTime) {
  SharedRing ring = make();
  RingProducer producer = ring.producer().value();
  while (producer.try_push(bytes("12345678")) == RingStatus::ok) {
  }
  EXPECT_EQ(producer.push(bytes("late"), 2ms), RingStatus::full);
  EXPECT_EQ(producer.push(bytes("late"), 0ms), RingStatus::full);
}

TEST_P(SharedRingTest, PopAndWaitGiveUpAtTheEndOfTheirTime) {
  SharedRing ring = make();
  RingConsumer consumer = ring.consumer().value();
  std::vector<std::byte> message;
  EXPECT_EQ(consumer.pop(message, 2ms), RingStatus::empty);
  EXPECT_EQ(consumer.wait(2ms), RingStatus::empty);
  EXPECT_EQ(consumer.wait(-1s), RingStatus::empty);
}

TEST_P(SharedRingTest, PushesABatchAsFarAsItFits) {
  SharedRing ring = make();
  RingProducer producer = ring.producer().value();
  RingConsumer consumer = ring.consumer().value();
  const std::string sent(56, 'x');
  const std::vector<std::span<const std::byte>> batch(100, bytes(sent));
  const RingCount pushed = producer.try_push_all(batch);
  EXPECT_EQ(pushed.status, RingStatus::full);
  EXPECT_EQ(pushed.count, 64U);
  EXPECT_EQ(producer.push_all(batch, 1ms).count, 0U);
  EXPECT_EQ(read_all(consumer, 3).size(), 3U);
  EXPECT_EQ(producer.try_push_all(batch).count, 3U);
  EXPECT_EQ(producer.try_push_all({}).status, RingStatus::ok);
}

TEST_P(SharedRingTest, StopsABatchAtAMessageThatIsTooLarge) {
  SharedRing ring = make();
  RingProducer producer = ring.producer().value();
  RingConsumer consumer = ring.consumer().value();
  const std::string large(ring.max_message() + 1, 'x');
  const std::vector<std::span<const std::byte>> batch = {bytes("a"), bytes("b"), bytes(large),
                                                         bytes("c")};
  const RingCount pushed = producer.push_all(batch);
  EXPECT_EQ(pushed.status, RingStatus::too_large);
  EXPECT_EQ(pushed.count, 2U);
  EXPECT_EQ(read_all(consumer), (Messages{"a", "b"}));
}

TEST_P(SharedRingTest, ReadsNoMoreThanAskedFor) {
  SharedRing ring = make();
  RingProducer producer = ring.producer().value();
  RingConsumer consumer = ring.consumer().value();
  for (const char* each : {"a", "b", "c"}) producer.push(bytes(each));
  EXPECT_EQ(read_all(consumer, 0), Messages{});
  EXPECT_EQ(read_all(consumer, 2), (Messages{"a", "b"}));
  EXPECT_EQ(read_all(consumer, 2), Messages{"c"});
  EXPECT_EQ(consumer.read([](std::span<const std::byte>) {}).status, RingStatus::empty);
}

TEST_P(SharedRingTest, AThrowingReaderGetsThatMessageAgain) {
  SharedRing ring = make();
  RingProducer producer = ring.producer().value();
  RingConsumer consumer = ring.consumer().value();
  for (const char* each : {"a", "b", "c"}) producer.push(bytes(each));
  EXPECT_THROW(consumer.read([](std::span<const std::byte> message) {
    if (text(message) == "b") throw std::runtime_error("no");
  }),
               std::runtime_error);
  EXPECT_EQ(read_all(consumer), (Messages{"b", "c"}));
}

TEST_P(SharedRingTest, ClosedDeliversWhatIsThereAndTakesNoMore) {
  SharedRing ring = make();
  RingProducer producer = ring.producer().value();
  RingConsumer consumer = ring.consumer().value();
  producer.push(bytes("last"));
  ring.close();
  EXPECT_EQ(producer.try_push(bytes("more")), RingStatus::closed);
  EXPECT_EQ(producer.push(bytes("more")), RingStatus::closed);
  std::vector<std::byte> message;
  EXPECT_EQ(consumer.wait(), RingStatus::ok);
  EXPECT_EQ(consumer.pop(message), RingStatus::ok);
  EXPECT_EQ(text(message), "last");
  EXPECT_EQ(consumer.pop(message), RingStatus::closed);
  EXPECT_EQ(consumer.try_pop(message), RingStatus::closed);
  EXPECT_EQ(consumer.read([](std::span<const std::byte>) {}).status, RingStatus::closed);
}

TEST_P(SharedRingTest, HasOneConsumerAtATime) {
  SharedRing ring = make();
  EXPECT_FALSE(ring.has_consumer());
  {
    RingConsumer first = ring.consumer().value();
    EXPECT_TRUE(ring.has_consumer());
    const auto second = ring.consumer();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), EBUSY);
  }
  EXPECT_FALSE(ring.has_consumer());
  EXPECT_TRUE(ring.consumer());
}

TEST_P(SharedRingTest, ASecondConsumerGoesOnBehindWhatWasReleased) {
  SharedRing ring = make();
  RingProducer producer = ring.producer().value();
  for (const char* each : {"a", "b", "c"}) producer.push(bytes(each));
  {
    RingConsumer first = ring.consumer().value();
    EXPECT_EQ(read_all(first, 1), Messages{"a"});
    EXPECT_EQ(first.wait(), RingStatus::ok);  // has seen the next
  }
  RingConsumer second = ring.consumer().value();
  EXPECT_EQ(read_all(second), (Messages{"b", "c"}));
}

TEST_P(SharedRingTest, ASuccessorOfAProducerGoesOnBehindIt) {
  SharedRing ring = make(1 << 16);
  RingConsumer consumer = ring.consumer().value();
  for (int i = 0; i < 100; ++i) {
    RingProducer producer = ring.producer().value();
    EXPECT_EQ(ring.producers(), 1U);
    ASSERT_EQ(producer.push(bytes(std::to_string(i))), RingStatus::ok);
  }
  EXPECT_EQ(ring.producers(), 0U);
  const Messages all = read_all(consumer);
  ASSERT_EQ(all.size(), 100U);
  EXPECT_EQ(all.back(), "99");
}

TEST_P(SharedRingTest, IsTheSameRingWhereItIsAttached) {
  SharedRing ring = make();
  SharedRing attached = SharedRing::attach(ring.fd().duplicate()).value();
  EXPECT_EQ(attached.capacity(), ring.capacity());
  RingProducer producer = attached.producer().value();
  RingConsumer consumer = ring.consumer().value();
  producer.push(bytes("hello"));
  EXPECT_EQ(read_all(consumer), Messages{"hello"});
}

// F58: the positions pass 2^32 and 2^64 like any other number.
TEST_P(SharedRingTest, WorksWhereItsPositionsWrap) {
  for (const std::uint64_t edge : {std::uint64_t{1} << 32, std::uint64_t{0}}) {
    auto memory = detail::RingMemory::create({.capacity = 4096, .producers = GetParam().producers},
                                             edge - 40'000)
                      .value();
    auto writer = detail::RingWriter::create(memory).value();
    auto reader = detail::RingReader::create(memory).value();
    std::vector<std::byte> buffer;
    std::vector<std::byte> message;
    std::uint64_t popped = 0;
    for (std::uint64_t number = 0; number < 1000; ++number) {
      const testing_support::Stamp stamp{.length = testing_support::some_length(number),
                                         .number = number};
      const auto sent = testing_support::stamped(buffer, stamp);
      while (writer->push_now({&sent, 1}).status == RingStatus::full) {
        testing_support::Stamp seen;
        ASSERT_EQ(reader->try_pop(message), RingStatus::ok);
        ASSERT_TRUE(testing_support::read_stamp(message, seen));
        ASSERT_EQ(seen.number, popped++);
      }
    }
    while (reader->try_pop(message) == RingStatus::ok) ++popped;
    EXPECT_EQ(popped, 1000U);
  }
}

TEST(SharedRing, RefusesImpossibleOptions) {
  EXPECT_EQ(SharedRing::create({.capacity = 0}).error().code(), EINVAL);
  EXPECT_EQ(SharedRing::create({.capacity = (std::size_t{1} << 30) + 1}).error().code(), EINVAL);
  EXPECT_EQ(SharedRing::create({.producers = 0}).error().code(), EINVAL);
  EXPECT_EQ(SharedRing::create({.producers = 65}).error().code(), EINVAL);
}

TEST(SharedRing, RoundsItsCapacityUp) {
  EXPECT_EQ(SharedRing::create({.capacity = 1}).value().capacity(), 4096U);
  EXPECT_EQ(SharedRing::create({.capacity = 4097}).value().capacity(), 8192U);
}

TEST(SharedRing, RefusesASecondProducerWhereThereIsOne) {
  SharedRing ring = SharedRing::create().value();
  RingProducer first = ring.producer().value();
  const auto second = ring.producer();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), EAGAIN);
}

TEST(SharedRing, HasRoomForAsManyProducersAsAskedFor) {
  SharedRing ring = SharedRing::create({.producers = 64}).value();
  RingConsumer consumer = ring.consumer().value();
  std::vector<RingProducer> producers;
  for (int i = 0; i < 64; ++i) {
    producers.push_back(ring.producer().value());
    ASSERT_EQ(producers.back().push(bytes("x")), RingStatus::ok);
  }
  EXPECT_EQ(ring.producers(), 64U);
  EXPECT_EQ(consumer.read([](std::span<const std::byte>) {}).count, 64U);
}

TEST(SharedRing, IsGivenBackWithItsLastUser) {
  RingProducer producer = SharedRing::create().value().producer().value();
  EXPECT_EQ(producer.push(bytes("nobody knows")), RingStatus::ok);  // still mapped
}

TEST(SharedRing, RefusesToAttachToWhatIsNoRing) {
  EXPECT_FALSE(SharedRing::attach(Fd()));
  EXPECT_FALSE(SharedRing::attach(SharedSegment::create("x", 8192).value().fd().duplicate()));
  Fd loose(::memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(loose.get(), 1 << 20), 0);
  EXPECT_FALSE(SharedRing::attach(std::move(loose)));
}

TEST(SharedRing, RefusesToAttachToAnImpossibleLayout) {
  using Spoil = void (*)(detail::RingLayout&);
  const Spoil spoils[] = {[](auto& layout) { layout.magic = 1; },
                          [](auto& layout) { ++layout.version; },
                          [](auto& layout) { layout.capacity *= 2; },
                          [](auto& layout) { layout.capacity = 0; },
                          [](auto& layout) { layout.capacity -= 8; },
                          [](auto& layout) { layout.slots = 0; },
                          [](auto& layout) { layout.slots = 0xffff'ffff; },
                          [](auto& layout) { layout.header_size += 64; }};
  for (const Spoil spoil : spoils) {
    auto memory = detail::RingMemory::create({.capacity = 4096}).value();
    ASSERT_TRUE(SharedRing::attach(memory->fd().duplicate()));
    spoil(memory->header().layout);
    const auto attached = SharedRing::attach(memory->fd().duplicate());
    ASSERT_FALSE(attached);
    EXPECT_EQ(attached.error().code(), EINVAL);
  }
}

TEST(SharedRing, NamesItsAnswers) {
  EXPECT_EQ(to_string(RingStatus::ok), "ok");
  EXPECT_EQ(to_string(RingStatus::too_large), "too large");
  EXPECT_EQ(to_string(RingStatus{99}), "unknown");
}

}  // namespace
}  // namespace brigade
