#include <brigade/message_port.hpp>
#include <brigade/shared_buffer.hpp>
#include <brigade/value.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace brigade {
namespace {

TEST(ValueText, ReadsLikeJson) {
  const Value value = Value::object(
      {{"a", Value::array(1, -2, true, nullptr)}, {"b", "text"}, {"c", Value::object()}});
  EXPECT_EQ(value.to_string(), R"({"a":[1,-2,true,null],"b":"text","c":{}})");
}

TEST(ValueText, TellsNumbersFromIntegers) {
  EXPECT_EQ(Value(3.0).to_string(), "3.0");
  EXPECT_EQ(Value(0.1).to_string(), "0.1");
  EXPECT_EQ(Value(1e300).to_string(), "1e+300");
  EXPECT_EQ(Value(-INFINITY).to_string(), "-inf");
}

TEST(ValueText, TellsWhatCannotBeWritten) {
  EXPECT_EQ(Value(Bytes(3)).to_string(), "<3 bytes>");
  EXPECT_EQ(Value(MessagePort()).to_string(), "<port>");
  EXPECT_EQ(Value(Fd()).to_string(), "<descriptor -1>");
  EXPECT_EQ(Value(SharedBuffer::create(8).value()).to_string(), "<8 shared bytes>");
}

TEST(ValueText, EscapesWhatWouldSpoilALog) {
  EXPECT_EQ(Value("a\"b\\c\nd\x01\x7f").to_string(), R"("a\"b\\c\nd\u0001\u007f")");
  EXPECT_EQ(Value("\xff\xc3\xa4").to_string(), "\"\xef\xbf\xbd\xc3\xa4\"");
}

TEST(ValueText, EndsSoonAfterItsLimit) {
  EXPECT_EQ(Value(std::string(100, 'x')).to_string(3), "\"xxx\xe2\x80\xa6\"");
  EXPECT_EQ(Value::array(1, 2, 3, 4, 5).to_string(4), "[1,2,\xe2\x80\xa6");
  EXPECT_LT(Value(Value::Array(1'000'000)).to_string().size(), 1010u);
}

}  // namespace
}  // namespace brigade
