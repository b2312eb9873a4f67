// Data that worker threads inherit.
#include <gtest/gtest.h>
#include <brigade/environment_data.hpp>
#include <brigade/message_port.hpp>
#include <brigade/shared_buffer.hpp>
#include "threads/thread_context.hpp"

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

namespace brigade::threads {
namespace {

// As a worker thread is started: the snapshot on the owner's thread, now; the rest on the new one.
class Inheritor {
 public:
  Inheritor() : snapshot_(detail::environment_data_snapshot()) {}
  template <class Function>
  void run(Function function) {
    std::thread([this, &function] {
      detail::ThreadContext context;
      detail::set_worker_context(&context);
      detail::adopt_environment_data(std::move(snapshot_));
      function();
      detail::set_worker_context(nullptr);
    }).join();
  }

 private:
  detail::EnvironmentSnapshot snapshot_;
};

class EnvironmentDataTest : public testing::Test {
 protected:
  ~EnvironmentDataTest() override { detail::adopt_environment_data(nullptr); }
};

TEST_F(EnvironmentDataTest, WhatIsSetIsThereConverted) {
  EXPECT_FALSE(get_environment_data("key"));
  ASSERT_TRUE(set_environment_data("key", std::vector<int>{1, 2, 3}));
  EXPECT_EQ(get_environment_data<std::vector<int>>("key"), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(*get_environment_data("key"), Value::array(1, 2, 3));
  EXPECT_THROW(get_environment_data<std::string>("key"), MessageError);
}

TEST_F(EnvironmentDataTest, NullDeletesTheKey) {
  ASSERT_TRUE(set_environment_data("key", 1));
  ASSERT_TRUE(set_environment_data("key", nullptr));
  EXPECT_FALSE(get_environment_data("key"));
  EXPECT_TRUE(set_environment_data("never set", nullptr));
}

TEST_F(EnvironmentDataTest, ACopyIsKeptAndACopyIsGiven) {
  Value value = Value::array("first");
  ASSERT_TRUE(set_environment_data("key", std::move(value)));
  get_environment_data("key")->as_array().clear();
  EXPECT_EQ(*get_environment_data("key"), Value::array("first"));
}

TEST_F(EnvironmentDataTest, ALaterThreadInheritsItAndSoDoThoseThatItStarts) {
  ASSERT_TRUE(set_environment_data("key", "value"));
  Inheritor().run([] {
    EXPECT_EQ(get_environment_data<std::string>("key"), "value");
    Inheritor().run([] { EXPECT_EQ(get_environment_data<std::string>("key"), "value"); });
  });
}

TEST_F(EnvironmentDataTest, ChangesAfterTheStartAreNotSeen) {
  ASSERT_TRUE(set_environment_data("key", 1));
  Inheritor thread;
  ASSERT_TRUE(set_environment_data("key", 2));
  ASSERT_TRUE(set_environment_data("other", 2));
  thread.run([] {
    EXPECT_EQ(get_environment_data<int>("key"), 1);
    EXPECT_FALSE(get_environment_data("other"));
    ASSERT_TRUE(set_environment_data("key", 3));
    Inheritor().run([] { EXPECT_EQ(get_environment_data<int>("key"), 3); });
  });
  EXPECT_EQ(get_environment_data<int>("key"), 2) << "a thread's changes are its own";
}

TEST_F(EnvironmentDataTest, WhatCannotBeCopiedIsRefused) {
  MessageChannel channel;
  ASSERT_TRUE(set_environment_data("key", 1));
  Result<void> set = set_environment_data("key", Value::array(std::move(channel.port1)));
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code(), EINVAL);
  EXPECT_NE(set.error().message().find("key"), std::string::npos) << set.error().message();
  EXPECT_EQ(get_environment_data<int>("key"), 1);
}

TEST_F(EnvironmentDataTest, ThreadsThatAreNoWorkersShareOneSet) {
  std::thread([] { ASSERT_TRUE(set_environment_data("key", 7)); }).join();
  EXPECT_EQ(get_environment_data<int>("key"), 7);
}

TEST_F(EnvironmentDataTest, ManyThreadsMayReadAndWriteItAtOnce) {
  std::vector<std::thread> all;
  for (int index = 0; index < 3; ++index) {
    all.emplace_back([index] {
      const std::string own = "key" + std::to_string(index);
      for (int round = 0; round < 200; ++round) {
        ASSERT_TRUE(set_environment_data(own, round));
        ASSERT_EQ(get_environment_data<int>(own), round);
        const auto snapshot = detail::environment_data_snapshot();
        ASSERT_TRUE(snapshot->contains(own));
      }
    });
  }
  for (std::thread& thread : all) thread.join();
}

}  // namespace
}  // namespace brigade::threads
