#include "cluster/process_facts.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace brigade::cluster::detail {
namespace {

TEST(ThreadFacts, AreReadFromTheKernelsFiles) {
  const ThreadFacts facts = parse_thread_facts("12 (a (b) R) R 1 2 3", "1000 2000 3\n");
  EXPECT_TRUE(facts.runnable);
  EXPECT_EQ(facts.ran_ns, 1000U);
  EXPECT_EQ(facts.waited_ns, 2000U);
  EXPECT_FALSE(parse_thread_facts("12 (R) S 1", "1 2 3").runnable);
}

TEST(ThreadFacts, AreAllZeroWhereTheKernelDoesNotKeepThem) {
  for (const char* schedstat : {"", "x", "7"}) {
    const ThreadFacts facts = parse_thread_facts("12 (a) R 1", schedstat);
    EXPECT_FALSE(facts.runnable);
    EXPECT_EQ(facts.ran_ns + facts.waited_ns, 0U);
  }
  EXPECT_FALSE(parse_thread_facts("", "1 2 3").runnable);
}

TEST(ProcessFacts, AreThoseOfALivingProcess) {
  EXPECT_GT(own_memory(::getpid()), 0U);
  const std::uint64_t before = open_descriptors(::getpid());
  const int more = ::dup(0);
  EXPECT_EQ(open_descriptors(::getpid()), before + 1);
  ::close(more);
}

TEST(ProcessFacts, AreNothingForNobody) {
  EXPECT_EQ(own_memory(-1), 0U);
  EXPECT_EQ(open_descriptors(-1), 0U);
  EXPECT_FALSE(is_traced(-1));
}

}  // namespace
}  // namespace brigade::cluster::detail
