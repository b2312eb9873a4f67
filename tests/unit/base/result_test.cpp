#include <gtest/gtest.h>
#include <brigade/result.hpp>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

namespace brigade {
namespace {

Result<int> parse(bool good) {
  if (!good) return Error(EINVAL, "not a number");
  return 7;
}

TEST(Result, HoldsAValue) {
  auto result = parse(true);
  EXPECT_TRUE(result.ok());
  EXPECT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(*result, 7);
  EXPECT_EQ(result.value(), 7);
}

TEST(Result, HoldsTheErrorThatTookTheValuesPlace) {
  const auto result = parse(false);
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), EINVAL);
  EXPECT_EQ(result.error().message(), "not a number");
}

TEST(Result, ThrowsTheErrorWhenItsValueIsAskedFor) {
  try {
    parse(false).value();
    FAIL() << "no exception";
  } catch (const ErrorException& caught) {
    EXPECT_STREQ(caught.what(), "not a number");
    EXPECT_EQ(caught.error().code(), EINVAL);
  }
}

TEST(Result, GivesUpAMoveOnlyValue) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(3));
  const std::unique_ptr<int> box = std::move(result).value();
  EXPECT_EQ(*box, 3);
}

TEST(Result, GivesAccessToAMember) {
  Result<std::string> result(std::string("abc"));
  EXPECT_EQ(result->size(), 3U);
}

TEST(Result, OfNothingIsFineOrAnError) {
  const Result<void> fine;
  EXPECT_TRUE(fine.ok());
  EXPECT_NO_THROW(fine.value());
  const Result<void> failed = Error("no");
  EXPECT_FALSE(failed.ok());
  EXPECT_THROW(failed.value(), ErrorException);
  EXPECT_EQ(failed.error().code(), 0);
}

TEST(Error, FromErrnoSaysWhatFailedAndWhy) {
  const Error error = Error::from_errno(EACCES, "bind 0.0.0.0:80");
  EXPECT_EQ(error.message(), "bind 0.0.0.0:80: Permission denied");
  EXPECT_EQ(error.code(), EACCES);
}

}  // namespace
}  // namespace brigade
