#include <brigade/shared_buffer.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include "unit/shared/child.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace brigade {
namespace {

using testing_support::Child;
using testing_support::DescriptorPair;

// As in the header page: magic, version, maximum, length.
constexpr std::size_t version_at = 8;
constexpr std::size_t max_at = 16;
constexpr std::size_t length_at = 24;

SharedBuffer make(std::size_t size, std::size_t max_size = 0) {
  return SharedBuffer::create(size, {.max_size = max_size, .name = "test"}).value();
}

/// What a hostile peer can write to: all of the file.
template <class T>
void scribble(const SharedBuffer& buffer, std::size_t offset, T value) {
  SharedSegment all = SharedSegment::attach(buffer.fd().duplicate()).value();
  std::memcpy(all.data() + offset, &value, sizeof value);
}

bool all_zero(const std::byte* from, const std::byte* to) {
  return std::all_of(from, to, [](std::byte byte) { return byte == std::byte{0}; });
}

bool mapped(const std::string& name) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:" + name) != std::string::npos) return true;
  }
  return false;
}

TEST(SharedBuffer, StartsZeroedOnAPageBoundary) {
  const SharedBuffer buffer = make(10'000);
  EXPECT_EQ(buffer.size(), 10'000u);
  EXPECT_EQ(buffer.max_size(), 10'000u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) %
                static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)),
            0u);
  EXPECT_TRUE(all_zero(buffer.data(), buffer.data() + buffer.size()));
}

TEST(SharedBuffer, IsEmptyWhenDefaultConstructed) {
  SharedBuffer none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(none.max_size(), 0u);
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_FALSE(none.fd());
  EXPECT_EQ(none.grow(1).error().code(), EBADF);
  EXPECT_EQ(none, SharedBuffer());
}

TEST(SharedBuffer, MayHaveNoBytes) {
  SharedBuffer none = make(0);
  EXPECT_TRUE(none);
  EXPECT_EQ(none.size(), 0u);
  EXPECT_TRUE(SharedBuffer::attach(none.fd().duplicate()));
  SharedBuffer some = make(0, 100);
  EXPECT_EQ(some.size(), 0u);
  EXPECT_TRUE(some.grow(100));
}

TEST(SharedBuffer, RefusesImpossibleSizes) {
  EXPECT_EQ(SharedBuffer::create(2, {.max_size = 1}).error().code(), EINVAL);
  EXPECT_EQ(SharedBuffer::create(std::numeric_limits<std::size_t>::max()).error().code(), EINVAL);
  EXPECT_FALSE(SharedBuffer::create(std::size_t{1} << 60));
}

TEST(SharedBuffer, SharesItsMemoryAmongCopies) {
  SharedBuffer one = make(8);
  const SharedBuffer two = one;
  two.data()[7] = std::byte{42};
  EXPECT_EQ(one.data()[7], std::byte{42});
  EXPECT_EQ(one, two);
  EXPECT_NE(one, make(8));
  EXPECT_NE(one, SharedBuffer());
}

TEST(SharedBuffer, GoesWithItsLastCopy) {
  SharedBuffer one = SharedBuffer::create(8, {.name = "goes-with-last"}).value();
  const int fd = one.fd().get();
  SharedBuffer two = one;
  one = SharedBuffer();
  EXPECT_TRUE(mapped("goes-with-last"));
  two = SharedBuffer();
  EXPECT_FALSE(mapped("goes-with-last"));
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

TEST(SharedBuffer, GrowsUpToItsMaximumAndNeverShrinks) {
  SharedBuffer buffer = make(10, 5000);
  const SharedBuffer copy = buffer;
  ASSERT_TRUE(buffer.grow(5000));
  EXPECT_EQ(copy.size(), 5000u);
  EXPECT_TRUE(all_zero(copy.data(), copy.data() + 5000));
  EXPECT_TRUE(buffer.grow(5000));
  EXPECT_EQ(buffer.grow(5001).error().code(), EINVAL);
  EXPECT_EQ(buffer.grow(4999).error().code(), EINVAL);
  EXPECT_EQ(copy.size(), 5000u);
}

TEST(SharedBuffer, WithoutAMaximumKeepsItsSize) {
  SharedBuffer buffer = make(10);
  EXPECT_FALSE(buffer.grow(11));
  EXPECT_EQ(buffer.size(), 10u);
}

TEST(SharedBuffer, GrownByManyThreadsAtOnceHasTheLargestSize) {
  SharedBuffer buffer = make(0, 4000);
  std::vector<std::thread> threads;
  for (std::size_t start = 1; start <= 4; ++start) {
    threads.emplace_back([own = buffer, start]() mutable {
      std::size_t before = 0;
      for (std::size_t size = start; size <= 4000; size += 4) {
        static_cast<void>(own.grow(size));  // refused when another was faster
        EXPECT_GE(own.size(), std::max(size, before));
        before = own.size();
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(buffer.size(), 4000u);
}

TEST(SharedBuffer, AttachedTwiceIsOneMemoryAtTwoAddresses) {
  SharedBuffer mine = make(100, 200);
  SharedBuffer theirs = SharedBuffer::attach(mine.fd().duplicate()).value();
  EXPECT_NE(mine.data(), theirs.data());
  EXPECT_EQ(mine, theirs);
  EXPECT_EQ(theirs.size(), 100u);
  EXPECT_EQ(theirs.max_size(), 200u);
  theirs.data()[99] = std::byte{1};
  EXPECT_EQ(mine.data()[99], std::byte{1});
  ASSERT_TRUE(theirs.grow(150));
  EXPECT_EQ(mine.size(), 150u);
}

TEST(SharedBuffer, GrowsForOtherProcesses) {
  SharedBuffer buffer = make(10, 100'000);
  DescriptorPair pair;
  Child child([&pair] {
    SharedBuffer theirs = SharedBuffer::attach(pair.receive()).value();
    if (theirs.size() != 10 || !theirs.grow(100'000)) return 1;
    theirs.data()[99'999] = std::byte{9};
    return 0;
  });
  pair.send(buffer.fd());
  EXPECT_EQ(child.wait(), 0);
  ASSERT_EQ(buffer.size(), 100'000u);
  EXPECT_EQ(buffer.data()[99'999], std::byte{9});
  EXPECT_TRUE(all_zero(buffer.data(), buffer.data() + 99'999));
}

TEST(SharedBuffer, OutlivesTheProcessThatMadeIt) {
  DescriptorPair pair;
  Child child([&pair] {
    SharedBuffer made = make(4096);
    made.data()[0] = std::byte{5};
    pair.send(made.fd());
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  const SharedBuffer buffer = SharedBuffer::attach(pair.receive()).value();
  EXPECT_EQ(buffer.data()[0], std::byte{5});
  EXPECT_EQ(buffer.size(), 4096u);
}

TEST(SharedBuffer, CannotBeShrunkByAPeer) {
  const SharedBuffer buffer = make(100'000);
  EXPECT_EQ(::ftruncate(buffer.fd().get(), 0), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST(SharedBuffer, BelievesALengthOnlyAsFarAsItsMapping) {
  const SharedBuffer buffer = make(10, 5000);
  for (const std::uint64_t claimed :
       {std::numeric_limits<std::uint64_t>::max(), std::uint64_t{1} << 40, std::uint64_t{5001}}) {
    scribble(buffer, length_at, claimed);
    EXPECT_EQ(buffer.size(), 5000u);
    EXPECT_EQ(SharedBuffer::attach(buffer.fd().duplicate()).value().size(), 5000u);
  }
  EXPECT_TRUE(all_zero(buffer.data(), buffer.data() + buffer.size()));
}

TEST(SharedBuffer, GrowsBackWhenAPeerWroteNonsense) {
  SharedBuffer buffer = make(10, 5000);
  scribble(buffer, length_at, std::numeric_limits<std::uint64_t>::max());
  EXPECT_FALSE(buffer.grow(4999));
  EXPECT_TRUE(buffer.grow(5000));
  EXPECT_EQ(buffer.size(), 5000u);
}

TEST(SharedBuffer, KeepsItsOwnMaximumWhateverAPeerWrites) {
  SharedBuffer buffer = make(10, 5000);
  scribble(buffer, max_at, std::uint64_t{1} << 40);
  EXPECT_EQ(buffer.max_size(), 5000u);
  EXPECT_FALSE(buffer.grow(5001));
}

TEST(SharedBuffer, SurvivesAPeerThatPunchesHoles) {
  const SharedBuffer buffer = make(10'000);
  std::memset(buffer.data(), 1, buffer.size());
  ASSERT_EQ(::fallocate(buffer.fd().get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20),
            0);
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_TRUE(all_zero(buffer.data(), buffer.data() + 10'000));
}

TEST(SharedBuffer, RefusesToAttachToAForgedHeader) {
  const auto refused = [](std::size_t offset, auto value) {
    const SharedBuffer buffer = make(10, 5000);
    scribble(buffer, offset, value);
    const auto attached = SharedBuffer::attach(buffer.fd().duplicate());
    return !attached && attached.error().code() == EINVAL &&
           attached.error().message().find("refused") != std::string::npos;
  };
  EXPECT_TRUE(refused(0, std::uint64_t{0}));
  EXPECT_TRUE(refused(version_at, std::uint32_t{2}));
  for (const std::uint64_t claimed :
       {std::uint64_t{0}, std::uint64_t{4096}, std::uint64_t{8193}, std::uint64_t{1} << 40,
        std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_TRUE(refused(max_at, claimed)) << claimed;
  }
}

TEST(SharedBuffer, RefusesToAttachToWhatIsNone) {
  EXPECT_FALSE(SharedBuffer::attach(Fd()));
  EXPECT_FALSE(SharedBuffer::attach(Fd(::open("/dev/zero", O_RDWR | O_CLOEXEC))));
  const SharedSegment plain = SharedSegment::create("plain", 8192).value();
  EXPECT_FALSE(SharedBuffer::attach(plain.fd().duplicate()));
  const SharedSegment tiny = SharedSegment::create("tiny", 16).value();
  EXPECT_FALSE(SharedBuffer::attach(tiny.fd().duplicate()));
}

TEST(SharedBuffer, RefusesToAttachToAFileThatMayShrink) {
  const SharedBuffer real = make(4096);
  Fd copy(::memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(copy.get(), 8192), 0);
  SharedSegment all = SharedSegment::attach(real.fd().duplicate()).value();
  ASSERT_EQ(::pwrite(copy.get(), all.data(), 8192, 0), 8192);
  const auto attached = SharedBuffer::attach(std::move(copy));
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code(), EPERM);
}

}  // namespace
}  // namespace brigade
