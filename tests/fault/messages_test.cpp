#include <gtest/gtest.h>

#include <map>

#include "support/process.hpp"

using namespace brigade::testing_support;

namespace {

const std::map<std::string, std::string> complaints{
    {"magic", "sent a frame that makes no sense"},
    {"version", "sent a frame that makes no sense"},
    {"kind", "sent a frame that makes no sense"},
    {"empty", "sent a message that cannot be read"},
    {"huge", "sent a frame that is too long"},
    {"long", "sent a frame that is too long"},
    {"claims-descriptors", "sent a message without the descriptors that it announces"},
    {"descriptors", "sent descriptors that belong to no message"},
    {"torn", "closed its pipe in the middle of a message"},
};

class BadMessage : public testing::TestWithParam<std::string> {};

}  // namespace

TEST_P(BadMessage, CostsItsSenderItsPlaceAndNobodyElse) {
  Process process({TEST_MESSAGES_PROGRAM, {"bad", GetParam()}});
  process.wait_for_line("hello of 3");  // the replacement
  EXPECT_EQ(process.wait().code, 0) << process.out() << process.err();
  EXPECT_EQ(process.count_lines(complaints.at(GetParam()) + ": it is replaced"), 1U);
  EXPECT_EQ(process.count_lines("was killed by SIGKILL"), 1U) << process.err();
  EXPECT_GT(process.count_lines(" of 2"), 1U);  // its requests were answered
}

INSTANTIATE_TEST_SUITE_P(Of, BadMessage,
                         testing::Values("magic", "version", "kind", "empty", "huge", "long",
                                         "claims-descriptors", "descriptors", "torn"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });
