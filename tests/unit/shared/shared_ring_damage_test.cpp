// A ring whose memory somebody writes over (F54): answers, but no crash, no endless loop, no access
// outside.
#include <sys/mman.h>

#include <atomic>
#include <random>

#include "unit/shared/child.hpp"
#include "unit/shared/shared_ring_crash_support.hpp"

namespace brigade {
namespace {

using namespace testing_support;
using namespace std::chrono_literals;

/// Writes over a word of the header, of the slots, or of the records, but for the layout, which
/// nobody looks at again.
class Vandal {
 public:
  Vandal(RingMemory& memory, unsigned seed) : memory_(memory), random_(seed) {}

  void strike() {
    static constexpr std::uint64_t kNasty[] = {0,
                                               1,
                                               7,
                                               8,
                                               4096,
                                               0x7fff'ffff,
                                               0x8000'0000,
                                               0xffff'ffff,
                                               ~std::uint64_t{0},
                                               ~std::uint64_t{7},
                                               std::uint64_t{1} << 63};
    std::atomic<std::uint64_t>& word = target();
    const std::uint64_t old = word.load(std::memory_order_relaxed);
    switch (random_() % 4) {
      case 0:
        word.store(kNasty[random_() % std::size(kNasty)], std::memory_order_relaxed);
        break;
      case 1:
        word.store(old ^ (std::uint64_t{1} << random_() % 64), std::memory_order_relaxed);
        break;
      case 2:
        word.store(old + 8 * (random_() % 200) - 800, std::memory_order_relaxed);
        break;
      default:
        word.store(std::uint64_t{random_()} << 32 | random_(), std::memory_order_relaxed);
    }
  }

 private:
  std::atomic<std::uint64_t>& target() {
    auto* const header = reinterpret_cast<std::byte*>(&memory_.header());
    const std::size_t slots = memory_.slots() * sizeof(detail::RingSlot);
    std::byte* place = nullptr;
    switch (random_() % 3) {
      case 0:
        place = header + detail::kApart + random_() % (sizeof(detail::RingHeader) - detail::kApart);
        break;
      case 1:
        place = header + sizeof(detail::RingHeader) + random_() % slots;
        break;
      default:
        place = memory_.at(random_());
    }
    const auto address = reinterpret_cast<std::uintptr_t>(place) & ~std::uintptr_t{7};
    return *reinterpret_cast<std::atomic<std::uint64_t>*>(address);
  }

  RingMemory& memory_;
  std::mt19937 random_;
};

TEST(SharedRingDamage, EveryOperationAnswersWhateverTheMemoryHolds) {
  std::mt19937 random(46);
  std::map<RingStatus, int> answers;
  const std::string text(1100, 'x');
  for (unsigned round = 0; round < 2000; ++round) {
    const auto memory =
        RingMemory::create(
            {.capacity = 4096, .producers = 1 + round % 3, .checksum = round % 2 == 0})
            .value();
    Vandal vandal(*memory, round);
    auto writer = make_writer(memory);
    auto reader = make_reader(memory);
    std::vector<std::byte> message;
    for (int step = 0; step < 40; ++step) {
      switch (random() % 8) {
        case 0:
          vandal.strike();
          break;
        case 1:
          ++answers[reader->wait(0ns)];
          break;
        case 2:
          ++answers[reader->try_pop(message)];
          break;
        case 3:
          ++answers[reader
                        ->read(
                            &message,
                            [](void*, std::span<const std::byte> each) {
                              EXPECT_LE(each.size(), 1016U);
                            },
                            256)
                        .status];
          break;
        case 4:
          // Successors, which believe less than those who have been there.
          writer.reset();
          reader.reset();
          reader = make_reader(memory);
          if (auto another = RingWriter::create(memory)) writer = std::move(*another);
          break;
        default:
          if (!writer) break;
          const auto sent = bytes(std::string_view(text).substr(0, random() % text.size()));
          ++answers[writer->push_all({&sent, 1}, 0ns).status];
      }
    }
  }
  EXPECT_GT(answers[RingStatus::ok], 1000);
  EXPECT_GT(answers[RingStatus::corrupt], 1000);
}

TEST(SharedRingDamage, AChangedMessageIsNotDeliveredWithAChecksum) {
  for (const unsigned producers : {1U, 2U}) {
    for (std::size_t at = 0; at < 108; ++at) {
      const auto memory =
          RingMemory::create({.capacity = 4096, .producers = producers, .checksum = true}).value();
      const auto writer = make_writer(memory);
      const auto reader = make_reader(memory);
      const std::string text(100, 'x');
      const auto sent = bytes(text);
      ASSERT_EQ(writer->push_now({&sent, 1}).status, RingStatus::ok);
      memory->at(0)[at] ^= std::byte{4};
      std::vector<std::byte> message;
      EXPECT_EQ(reader->try_pop(message), RingStatus::corrupt) << at;
      EXPECT_EQ(reader->pop(message, kForever), RingStatus::corrupt);
      EXPECT_EQ(writer->push_now({&sent, 1}).status, RingStatus::corrupt);
    }
  }
}

TEST(SharedRingDamage, StaysCorruptWhenItIsClosed) {
  const auto memory = make_memory(1);
  memory->mark_corrupt();
  memory->close(detail::RingState::closed);
  EXPECT_EQ(make_reader(memory)->wait(kForever), RingStatus::corrupt);
}

TEST(SharedRingDamage, AMissingWordWithoutAnyOwnerIsFound) {
  const auto memory = make_memory(2);
  const auto writer = make_writer(memory);
  const auto reader = make_reader(memory);
  push_stamped(*writer, stamp(1, 0));
  push_stamped(*writer, stamp(1, 1));
  memory->word(0).store(0);
  EXPECT_EQ(reader->wait(patience), RingStatus::corrupt);
}

TEST(SharedRingDamage, ProcessesAtWorkGetToTheirEnd) {
  // What tells the children to stop, out of the vandal's reach.
  void* const page =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& stop = *static_cast<std::atomic<int>*>(page);
  for (unsigned round = 0; round < 40; ++round) {
    stop = 0;
    const auto memory =
        RingMemory::create(
            {.capacity = 1 << 14, .producers = 1 + round % 2, .checksum = round % 4 < 2})
            .value();
    Child consumer([&] {
      const auto reader = make_reader(memory);
      std::vector<std::byte> message;
      while (stop == 0) {
        const RingStatus status = reader->pop(message, 2ms);
        if (status == RingStatus::corrupt) break;
      }
      return 0;
    });
    Child producer([&] {
      auto writer = RingWriter::create(memory);  // refused when its slot was hit
      std::vector<std::byte> buffer;
      for (std::uint64_t number = 0; writer && stop == 0; ++number) {
        const auto sent = stamped(buffer, stamp(1, number));
        if ((*writer)->push_all({&sent, 1}, 2ms).status == RingStatus::corrupt) break;
      }
      return 0;
    });
    Vandal vandal(*memory, round);
    for (int strikes = 0; strikes < 30; ++strikes) {
      ::usleep(50);
      vandal.strike();
    }
    stop = 1;
    EXPECT_EQ(consumer.wait(), 0) << "round " << round;
    EXPECT_EQ(producer.wait(), 0) << "round " << round;
  }
  ::munmap(page, 4096);
}

}  // namespace
}  // namespace brigade
