#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <brigade/fd.hpp>

#include <type_traits>
#include <utility>

namespace brigade {
namespace {

static_assert(!std::is_copy_constructible_v<Fd>);
static_assert(!std::is_copy_assignable_v<Fd>);
static_assert(std::is_nothrow_move_constructible_v<Fd>);

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}
Fd make() {
  return Fd(::eventfd(0, EFD_CLOEXEC));
}

TEST(Fd, ClosesWhatItOwns) {
  int number = -1;
  {
    const Fd fd = make();
    number = fd.get();
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Fd, IsEmptyByDefault) {
  const Fd fd;
  EXPECT_FALSE(fd);
  EXPECT_EQ(fd.get(), -1);
}

TEST(Fd, MovedFromIsEmpty) {
  Fd first = make();
  const int number = first.get();
  const Fd second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): it is what is tested
  EXPECT_EQ(second.get(), number);
}

TEST(Fd, AssignmentClosesWhatWasThere) {
  Fd first = make();
  Fd second = make();
  const int replaced = first.get();
  const int kept = second.get();
  first = std::move(second);
  EXPECT_FALSE(is_open(replaced));
  EXPECT_EQ(first.get(), kept);
}

TEST(Fd, SurvivesBeingMovedToItself) {
  Fd fd = make();
  const int number = fd.get();
  Fd& same = fd;
  fd = std::move(same);
  EXPECT_EQ(fd.get(), number);
  EXPECT_TRUE(is_open(number));
}

TEST(Fd, ReleasedIsTheCallersToClose) {
  Fd fd = make();
  const int number = fd.release();
  EXPECT_FALSE(fd);
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

TEST(Fd, ResetMayBeCalledTwice) {
  Fd fd = make();
  fd.reset();
  fd.reset();
  EXPECT_FALSE(fd);
}

TEST(Fd, DuplicateIsAnotherDescriptorAndClosesOnExec) {
  const Fd fd = make();
  const Fd copy = fd.duplicate();
  ASSERT_TRUE(copy);
  EXPECT_NE(copy.get(), fd.get());
  EXPECT_EQ(::fcntl(copy.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(Fd, DuplicateOfNothingIsEmpty) {
  EXPECT_FALSE(Fd().duplicate());
}

}  // namespace
}  // namespace brigade
