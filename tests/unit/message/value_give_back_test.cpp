// A message that could not be sent: what it was made of is as it was.
#include <gtest/gtest.h>
#include <brigade/broadcast_channel.hpp>
#include <brigade/environment_data.hpp>
#include <brigade/message_port.hpp>
#include <brigade/worker_thread.hpp>
#include "support/counted.hpp"
#include "support/root.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace brigade {
namespace {

const std::string text = "longer than what a string holds in place";

struct Parts {
  std::string name = text;
  Bytes bytes = Bytes(100, std::byte{7});
  std::vector<std::string> list = {text, text};
  std::vector<bool> bits = {true, false};
  std::map<std::string, std::string> named = {{"a", text}, {"b", text}};
  std::map<int, std::string> numbered = {{1, text}};
  std::optional<std::string> maybe = text;
  std::unique_ptr<std::string> pointer = std::make_unique<std::string>(text);
  std::shared_ptr<std::string> shared = std::make_shared<std::string>(text);
  std::variant<int, std::string> either = text;
  std::tuple<int, std::string> pair = {1, text};
  Value value = Value::array(1, text);
};
BOOST_DESCRIBE_STRUCT(Parts, (),
                      (name, bytes, list, bits, named, numbered, maybe, pointer, shared, either,
                       pair, value))

struct Job {
  std::vector<Parts> parts;
  MessagePort port;
  Fd event;
  std::uint64_t number = 0;
  std::string last = text;
};
BOOST_DESCRIBE_STRUCT(Job, (), (parts, port, event, number, last))

void expect_whole(const Parts& parts) {
  EXPECT_EQ(parts.name, text);
  EXPECT_EQ(parts.bytes, Bytes(100, std::byte{7}));
  EXPECT_EQ(parts.list, (std::vector<std::string>{text, text}));
  EXPECT_EQ(parts.bits, (std::vector<bool>{true, false}));
  EXPECT_EQ(parts.named, (std::map<std::string, std::string>{{"a", text}, {"b", text}}));
  EXPECT_EQ(parts.numbered, (std::map<int, std::string>{{1, text}}));
  EXPECT_EQ(parts.maybe, text);
  EXPECT_EQ(*parts.pointer, text);
  EXPECT_EQ(*parts.shared, text);
  EXPECT_EQ(std::get<std::string>(parts.either), text);
  EXPECT_EQ(parts.pair, (std::tuple<int, std::string>(1, text)));
  EXPECT_EQ(parts.value, Value::array(1, text));
}

class GiveBackTest : public testing_support::NothingLeft {
 protected:
  void SetUp() override {
    job.parts.resize(3);
    job.port = std::move(cargo.port2);
    job.port.on_message([this](int number) { heard.push_back(number); });
    job.event = Fd(::eventfd(0, EFD_CLOEXEC));
    event = job.event.get();
  }
  void expect_whole_job() {
    ASSERT_EQ(job.parts.size(), 3U);
    for (const Parts& parts : job.parts) expect_whole(parts);
    EXPECT_EQ(job.event.get(), event);
    EXPECT_EQ(job.last, text);
    ASSERT_TRUE(job.port);
    heard.clear();
    ASSERT_TRUE(cargo.port1.post_message(5));
    for (int turn = 0; turn < 3; ++turn) fake.loop.turn(false);
    EXPECT_EQ(heard, std::vector<int>{5}) << "with its handler";
  }

  testing_support::FakeLoop fake;
  MessageChannel channel;
  MessageChannel cargo;
  Job job;
  int event = -1;
  std::vector<int> heard;
};

TEST_F(GiveBackTest, AfterAPostToAClosedChannel) {
  channel.port2.close();
  EXPECT_EQ(channel.port1.post_message(std::move(job)).error().code(), EPIPE);
  expect_whole_job();
}

TEST_F(GiveBackTest, AfterAPostToAFullQueue) {
  MessageChannel small({.max_queue = 1});
  ASSERT_TRUE(small.port1.post_message(1));
  EXPECT_EQ(small.port1.post_message(std::move(job)).error().code(), EAGAIN);
  expect_whole_job();
  small.port2.try_receive();
  EXPECT_TRUE(small.port1.post_message(std::move(job)));
  EXPECT_FALSE(job.port);
}

TEST_F(GiveBackTest, AfterAMessageThatIsRefused) {
  MessagePort closed = std::move(channel.port2);
  closed.close();
  MessageChannel other;
  std::vector<MessagePort> ports;
  ports.push_back(std::move(job.port));
  ports.push_back(std::move(closed));
  EXPECT_EQ(other.port1.post_message(std::move(ports)).error().code(), EINVAL);
  ASSERT_EQ(ports.size(), 2U);
  job.port = std::move(ports[0]);
  expect_whole_job();
}

TEST_F(GiveBackTest, AfterAConversionThatFailsHalfWay) {
  job.number = std::numeric_limits<std::uint64_t>::max();
  const auto posted = channel.port1.post_message(std::move(job));
  ASSERT_FALSE(posted);
  EXPECT_NE(posted.error().message().find(".number"), std::string::npos);
  expect_whole_job();
  EXPECT_FALSE(to_value(std::move(job)));
  expect_whole_job();
}

TEST_F(GiveBackTest, FromEverythingElseThatSends) {
  BroadcastChannel broadcast("give back");
  EXPECT_EQ(broadcast.post_message(std::move(job)).error().code(), EINVAL);
  expect_whole_job();
  EXPECT_EQ(threads::set_environment_data("job", std::move(job)).error().code(), EINVAL);
  expect_whole_job();
  EXPECT_EQ(MessagePort().post_message(std::move(job)).error().code(), EPIPE);
  expect_whole_job();
}

TEST_F(GiveBackTest, ATextOrBytesTooLargeForAMessage) {
  const std::size_t limit = ValueLimits().max_bytes;
  std::string large(limit, 'x');
  const auto posted = channel.port1.post_message(std::move(large));
  ASSERT_FALSE(posted);
  EXPECT_EQ(posted.error().code(), EINVAL);
  EXPECT_EQ(large.size(), limit);
  EXPECT_FALSE(channel.port1.post_message(Bytes(limit)));
  EXPECT_TRUE(channel.port1.post_message(Bytes(limit - 1000)));
}

}  // namespace
}  // namespace brigade
