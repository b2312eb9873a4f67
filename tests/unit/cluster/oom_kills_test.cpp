#include "cluster/oom_kills.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace brigade::cluster::detail {
namespace {

class OomKillsTest : public testing::Test {
 protected:
  OomKillsTest() { ::close(::mkstemp(file.data())); }
  ~OomKillsTest() override { ::unlink(file.c_str()); }
  void count(int number) const {
    std::ofstream(file) << "oom 9\noom_kill_disable 0\noom_kill " << number << "\n";
  }

  std::string file = testing::TempDir() + "brigade-oom-XXXXXX";
  OomKills kills;
};

TEST(FindCount, FindsTheLineOfJustThatName) {
  EXPECT_EQ(find_count("oom_kill_disable 1\nunder_oom 2\noom_kill 3\n", "oom_kill"), 3U);
  EXPECT_EQ(find_count("oom_kill 3", "oom_kill"), 3U);
  EXPECT_EQ(find_count("oom_kill_disable 1\n", "oom_kill"), std::nullopt);
  EXPECT_EQ(find_count("oom_kill x\n", "oom_kill"), std::nullopt);
  EXPECT_EQ(find_count("", "oom_kill"), std::nullopt);
}

TEST_F(OomKillsTest, PutsEachKillDownToOneWorker) {
  count(5);
  kills.watch(file);
  EXPECT_EQ(kills.evidence(file), OomEvidence::none);
  count(7);
  EXPECT_EQ(kills.evidence(file), OomEvidence::counted);
  EXPECT_EQ(kills.evidence(file), OomEvidence::counted);
  EXPECT_EQ(kills.evidence(file), OomEvidence::none);
}

TEST_F(OomKillsTest, KeepsWhatItHasCountedWhenAnotherWorkerOfTheCgroupComes) {
  count(5);
  kills.watch(file);
  count(6);
  kills.watch(file);
  EXPECT_EQ(kills.evidence(file), OomEvidence::counted);
}

TEST_F(OomKillsTest, NeverFindsAKillWhereNothingCounts) {
  EXPECT_NE(kills.evidence("/no/such/file"), OomEvidence::counted);
}

}  // namespace
}  // namespace brigade::cluster::detail
