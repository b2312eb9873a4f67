#include <brigade/shared_segment.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace brigade {
namespace {

SharedSegment make(std::size_t size) {
  return SharedSegment::create("test", size).value();
}

TEST(SharedSegment, StartsZeroed) {
  const SharedSegment segment = make(10'000);
  EXPECT_EQ(segment.size(), 10'000u);
  EXPECT_TRUE(std::all_of(segment.data(), segment.data() + segment.size(),
                          [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST(SharedSegment, RefusesImpossibleSizes) {
  EXPECT_EQ(SharedSegment::create("test", 0).error().code(), EINVAL);
  EXPECT_EQ(SharedSegment::create("test", SIZE_MAX).error().code(), EINVAL);
}

TEST(SharedSegment, CannotBeShrunkOrGrown) {
  const SharedSegment segment = make(8192);
  EXPECT_EQ(::ftruncate(segment.fd().get(), 4096), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(segment.fd().get(), 16384), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST(SharedSegment, CannotBeSealedAgainstLaterMappings) {
  const SharedSegment segment = make(4096);
  EXPECT_EQ(::fcntl(segment.fd().get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
}

TEST(SharedSegment, ClosesOnExec) {
  EXPECT_EQ(::fcntl(make(4096).fd().get(), F_GETFD), FD_CLOEXEC);
}

TEST(SharedSegment, SharesItsMemoryWithWhoeverAttaches) {
  SharedSegment mine = make(4096);
  SharedSegment theirs = SharedSegment::attach(mine.fd().duplicate(), 4096).value();
  EXPECT_NE(mine.data(), theirs.data());
  theirs.data()[4095] = std::byte{42};
  EXPECT_EQ(mine.data()[4095], std::byte{42});
}

TEST(SharedSegment, SharesItsMemoryWithAForkedChild) {
  SharedSegment segment = make(4096);
  const pid_t child = ::fork();
  if (child == 0) {
    segment.data()[0] = std::byte{7};
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(segment.data()[0], std::byte{7});
}

TEST(SharedSegment, RefusesToAttachToAnUnsealedFile) {
  Fd fd(::memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(fd.get(), 4096), 0);
  const auto attached = SharedSegment::attach(std::move(fd), 4096);
  ASSERT_FALSE(attached);
  EXPECT_NE(attached.error().message().find("not sealed"), std::string::npos);
}

TEST(SharedSegment, RefusesToAttachToAFileThatMayStillShrink) {
  Fd fd(::memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(fd.get(), 4096), 0);
  ASSERT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL), 0);
  EXPECT_FALSE(SharedSegment::attach(std::move(fd), 4096));
}

TEST(SharedSegment, RefusesToAttachToAnotherSize) {
  const SharedSegment segment = make(4096);
  EXPECT_FALSE(SharedSegment::attach(segment.fd().duplicate(), 4095));
  EXPECT_FALSE(SharedSegment::attach(segment.fd().duplicate(), 8192));
  EXPECT_FALSE(SharedSegment::attach(segment.fd().duplicate(), 0));
}

TEST(SharedSegment, AttachesToAnySizeWhenAskedTo) {
  const SharedSegment segment = make(12'345);
  EXPECT_EQ(SharedSegment::attach(segment.fd().duplicate()).value().size(), 12'345u);
  Fd empty(::memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::fcntl(empty.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
  EXPECT_FALSE(SharedSegment::attach(std::move(empty)));
}

TEST(SharedSegment, RefusesToAttachToHugePages) {
  constexpr off_t size = off_t{2} << 20;
  Fd fd(::memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB));
  if (!fd || ::ftruncate(fd.get(), size) != 0) GTEST_SKIP() << "this kernel has no huge pages";
  ASSERT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
  EXPECT_FALSE(SharedSegment::attach(std::move(fd)));
}

TEST(SharedSegment, RefusesToAttachToWhatIsNoMemory) {
  EXPECT_FALSE(SharedSegment::attach(Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)), 4096));
  EXPECT_FALSE(SharedSegment::attach(Fd(), 4096));
}

TEST(SharedSegment, MovesItsMapping) {
  SharedSegment first = make(4096);
  std::byte* const data = first.data();
  SharedSegment second = std::move(first);
  EXPECT_EQ(second.data(), data);
  SharedSegment third = make(8192);
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(third.size(), 4096u);
  third.data()[0] = std::byte{1};
}

}  // namespace
}  // namespace brigade
