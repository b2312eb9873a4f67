#include "base/cgroup.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace brigade::detail {
namespace {

TEST(Cgroup, QuotaIsRoundedUpToWholeCpus) {
  EXPECT_EQ(parse_cpu_max("200000 100000\n"), 2U);
  EXPECT_EQ(parse_cpu_max("150000 100000\n"), 2U);
  EXPECT_EQ(parse_cpu_max("1000 100000\n"), 1U);
  EXPECT_EQ(parse_cpu_max("100001 100000\n"), 2U);
}

TEST(Cgroup, MaxIsNoLimit) {
  EXPECT_EQ(parse_cpu_max("max 100000\n"), std::nullopt);
}

TEST(Cgroup, NonsenseIsNoLimit) {
  for (const char* text : {"", "\n", "100000", "100000 ", " 100000", "a b", "0 100000", "-1 100000",
                           "100000 0", "100000 -5", "99999999999999999999 1"}) {
    EXPECT_EQ(parse_cpu_max(text), std::nullopt) << text;
  }
}

TEST(Cgroup, HugeQuotaDoesNotOverflow) {
  EXPECT_EQ(parse_cpu_max("9223372036854775807 1"), 4294967295U);
  EXPECT_EQ(parse_cpu_max("9223372036854775807 9223372036854775807"), 1U);
}

TEST(Cgroup, PathOfVersionTwoIsTheOneWithoutAController) {
  EXPECT_EQ(find_cgroup("0::/system.slice/app.service\n", ""), "/system.slice/app.service");
  EXPECT_EQ(find_cgroup("0::/\n", ""), "/");
}

TEST(Cgroup, PathOfVersionOneIsFoundByItsController) {
  const char* text =
      "12:memory:/docker/abc\n"
      "4:cpu,cpuacct:/docker/abc\n"
      "1:name=systemd:/x\n"
      "0::/unified\n";
  EXPECT_EQ(find_cgroup(text, "cpu"), "/docker/abc");
  EXPECT_EQ(find_cgroup(text, "cpuacct"), "/docker/abc");
  EXPECT_EQ(find_cgroup(text, "cpuset"), std::nullopt);
  EXPECT_EQ(find_cgroup(text, ""), "/unified");
}

TEST(Cgroup, PathMayHoldColons) {
  EXPECT_EQ(find_cgroup("0::/user.slice/a:b:c", ""), "/user.slice/a:b:c");
}

TEST(Cgroup, LinesThatAreNoneAreSkipped) {
  EXPECT_EQ(find_cgroup("", ""), std::nullopt);
  EXPECT_EQ(find_cgroup("nonsense\n\n1:x\n0::/a\n", ""), "/a");
}

}  // namespace
}  // namespace brigade::detail
