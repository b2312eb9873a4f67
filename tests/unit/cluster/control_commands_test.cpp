#include "cluster/control_commands.hpp"

#include <gtest/gtest.h>

namespace brigade::cluster::detail {
namespace {

std::string problem(std::string_view text) {
  const auto request = read_request(text);
  return request.ok() ? "none" : request.error().message();
}

TEST(ControlCommands, EachHasItsFields) {
  EXPECT_EQ(read_request(R"({"version":1,"command":"status"})")->command, ControlCommand::status);
  EXPECT_EQ(read_request(R"({"version":1,"command":"scale","workers":4})")->workers, 4U);
  EXPECT_EQ(read_request(R"({"command":"restart","position":2,"version":1})")->position, 2U);
  EXPECT_TRUE(read_request(R"({"version":1,"command":"stop","now":true})")->now);
  EXPECT_FALSE(read_request(R"({"version":1,"command":"stop"})")->now);
  EXPECT_EQ(read_request(R"({"version":1,"command":"log-level","level":"debug"})")->level,
            log::Level::debug);
  for (const char* name : {"reload", "drain", "events"}) {
    auto request = read_request(std::string(R"({"version":1,"command":")") + name + "\"}");
    ASSERT_TRUE(request) << name;
    EXPECT_EQ(name_of(request->command), name);
  }
}

TEST(ControlCommands, RefuseFieldsThatTheyDoNotHave) {
  EXPECT_EQ(problem(R"({"version":1,"command":"status","workers":1})"),
            "status has no field \"workers\"");
  EXPECT_EQ(problem(R"({"version":1,"command":"stop","Now":true})"), "stop has no field \"Now\"");
}

TEST(ControlCommands, MissNoField) {
  EXPECT_EQ(problem(R"({"version":1,"command":"scale"})"), "\"workers\" is missing");
  EXPECT_EQ(problem(R"({"version":1,"command":"log-level"})"), "\"level\" is missing");
}

TEST(ControlCommands, RefuseValuesOfAnotherKind) {
  for (const char* text : {R"({"version":1,"command":"scale","workers":"4"})",
                           R"({"version":1,"command":"scale","workers":-1})",
                           R"({"version":1,"command":"scale","workers":4.0})",
                           R"({"version":1,"command":"scale","workers":4294967296})",
                           R"({"version":1,"command":"stop","now":1})",
                           R"({"version":1,"command":"log-level","level":"loud"})",
                           R"({"version":1,"command":"log-level","level":3})"}) {
    EXPECT_NE(problem(text).find("makes no sense"), std::string::npos) << text;
  }
}

TEST(ControlCommands, AreNotGuessed) {
  EXPECT_EQ(problem(R"({"version":1,"command":"Status"})"), "there is no command \"Status\"");
  EXPECT_EQ(problem("{\"version\":1,\"command\":\"\\u001b[2J\"}"),
            "there is no command \"\\x1b[2J\"");
  EXPECT_EQ(problem(R"({"version":1,"command":7})"), "\"command\" must be a string");
  EXPECT_EQ(problem(R"({"version":1})"), "\"command\" must be a string");
}

TEST(ControlCommands, NeedTheVersionThatIsSpokenHere) {
  EXPECT_EQ(problem(R"({"command":"status"})"), "\"version\" must be a number");
  EXPECT_EQ(problem(R"({"version":2,"command":"status"})"),
            "version 2 is not spoken here: it is 1");
}

TEST(ControlCommands, AreObjectsOfJson) {
  EXPECT_EQ(problem("[]"), "a request is an object");
  EXPECT_NE(problem("status").find("not JSON"), std::string::npos);
  EXPECT_NE(problem(std::string(1000, '[')).find("nested too deep"), std::string::npos);
}

}  // namespace
}  // namespace brigade::cluster::detail
