#include "cluster/messenger.hpp"

#include <gtest/gtest.h>
#include <brigade/message_port.hpp>

#include <cerrno>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/root.hpp"

namespace brigade::cluster::detail {
namespace {

using namespace std::chrono_literals;
using testing_support::FakeLoop;
using testing_support::Root;

// A Peer as a program has it.
struct Handle final : Peer {
  explicit Handle(std::shared_ptr<Messenger> messenger) : Peer(std::move(messenger)) {}
  Messenger& messenger() { return *messenger_; }
};

class MessengerTest : public testing::Test {
 protected:
  MessengerTest() { connect({}); }
  void connect(PipeLimits limits) {
    auto ends = Pipe::make_pair().value();
    a.emplace(make(std::move(ends.first), "b", limits));
    b.emplace(make(std::move(ends.second), "a", limits));
  }
  std::shared_ptr<Messenger> make(Fd socket, std::string peer, PipeLimits limits) {
    return std::make_shared<Messenger>(
        std::move(socket), std::move(peer),
        Messenger::Events{
            .on_closed = [this](const char* error) { closed.emplace_back(error ? error : ""); },
            .on_broadcast = {}},
        limits);
  }
  void turn(int times = 3) {
    for (int i = 0; i < times; ++i) fake.loop.turn(false);
  }
  void listen() {
    b->on_message([this](int number) { got.push_back(number); });
  }

  FakeLoop fake;
  std::vector<std::string> closed;
  std::optional<Handle> a, b;
  std::vector<int> got;
};

using Numbers = std::vector<int>;

TEST_F(MessengerTest, HandsMessagesToTheHandlerInOrder) {
  listen();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(a->post_message(i));
  turn();
  EXPECT_EQ(got, (Numbers{0, 1, 2}));
}

TEST_F(MessengerTest, KeepsWhatComesBeforeTheHandlerAndInItsOrder) {
  ASSERT_TRUE(a->post_message(0));
  turn();
  listen();
  EXPECT_TRUE(got.empty());  // not from within on_message()
  ASSERT_TRUE(a->post_message(1));
  turn();
  EXPECT_EQ(got, (Numbers{0, 1}));
}

TEST_F(MessengerTest, KeepsSoManyMessagesAndNoMore) {
  for (int i = 0; i < 1100; ++i) ASSERT_TRUE(a->post_message(i));
  turn(6);
  listen();
  turn(6);
  ASSERT_EQ(got.size(), Messenger::most_kept);
  EXPECT_EQ(got.back(), 1023);
  EXPECT_TRUE(closed.empty());
}

TEST_F(MessengerTest, RefusesWhatDoesNotFitItsQueueAndLeavesTheValue) {
  connect({.max_queued = 1000});
  int sent = 0;
  Value message;
  Result<void> posted;
  while (posted && sent < 100'000) {
    message = Value(std::string(10'000, 'x'));
    posted = a->post_message(std::move(message));
    ++sent;
  }
  EXPECT_EQ(posted.error().code(), EAGAIN);
  EXPECT_EQ(message.size(), 10'000U);
}

TEST_F(MessengerTest, WaitsForRoomInTurn) {
  connect({.max_queued = 1000});
  std::vector<int> sent;
  const auto send = [&](int number) -> Task<> {
    for (int i = 0; i < 100; ++i) {
      auto result = co_await a->send(std::string(10'000, 'x'));
      EXPECT_TRUE(result);
    }
    sent.push_back(number);
  };
  Root first(call(send, 1)), second(call(send, 2));
  first.start();
  second.start();
  EXPECT_FALSE(first.done());
  int bytes = 0;
  b->on_message([&](std::string text) { bytes += static_cast<int>(text.size()); });
  for (int i = 0; i < 1000 && !(first.done() && second.done()); ++i) turn();
  turn();
  EXPECT_EQ(sent, (std::vector<int>{1, 2}));
  EXPECT_EQ(bytes, 2'000'000);
}

TEST_F(MessengerTest, EndsAWaitForRoomAtItsDeadline) {
  connect({.max_queued = 1000});
  std::optional<int> code;
  Root root(call([&]() -> Task<> {
    while (!code) {
      auto sent = co_await a->send(std::string(10'000, 'x'), {.deadline = 50ms});
      if (!sent) code = sent.error().code();
    }
  }));
  root.start();
  turn();
  fake.clock.advance(60ms);
  turn();
  EXPECT_EQ(code, ETIMEDOUT);
}

TEST_F(MessengerTest, AnswersARequest) {
  b->on_request([](int number) { return number * 2; });
  std::optional<int> answer;
  Root root(call([&]() -> Task<> {
    auto reply = co_await a->request<int>(21, 1s);
    answer = reply.value();
  }));
  root.start();
  turn(5);
  EXPECT_EQ(answer, 42);
}

TEST_F(MessengerTest, GivesUpARequestAtItsDeadlineAndIgnoresALateAnswer) {
  std::optional<int> code;
  Root root(call([&]() -> Task<> {
    auto reply = co_await a->request(1, 50ms);
    code = reply.error().code();
  }));
  root.start();
  turn();
  fake.clock.advance(60ms);
  turn();
  EXPECT_EQ(code, ETIMEDOUT);
  b->on_request([](int) { return 1; });  // the request was kept
  turn(5);
  EXPECT_TRUE(closed.empty());
}

TEST_F(MessengerTest, EndsARequestWhoseOtherSideGoes) {
  std::optional<int> code;
  Root root(call([&]() -> Task<> {
    auto reply = co_await a->request(1, 1h);
    code = reply.error().code();
  }));
  root.start();
  turn();
  b.reset();
  turn();
  EXPECT_EQ(code, EPIPE);
  EXPECT_EQ(a->post_message(1).error().code(), EPIPE);
}

TEST_F(MessengerTest, MayBeCancelledAtEachSuspension) {
  const int points = testing_support::at_each_suspension(
      [] {
        return call([]() -> Task<> {
          auto ends = Pipe::make_pair().value();
          Handle one(
              std::make_shared<Messenger>(std::move(ends.first), "two", Messenger::Events{}));
          Handle two(
              std::make_shared<Messenger>(std::move(ends.second), "one", Messenger::Events{}));
          two.on_request([](int number) { return number; });
          two.on_message([](int) {});
          static_cast<void>(co_await one.send(1, {.acknowledged = true}));
          static_cast<void>(co_await one.request<int>(1, 1h));
        });
      },
      [](FakeLoop& fake, Root& root) {
        root.cancel();
        testing_support::run_until_done(fake, root);
        EXPECT_EQ(root.cancelled(), CancelReason::user);
      });
  EXPECT_GT(points, 1);
}

TEST_F(MessengerTest, MayBeLetGoOfByItsHandler) {
  b->on_message([this](int number) {
    got.push_back(number);
    b.reset();
  });
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(a->post_message(i));
  turn();
  EXPECT_FALSE(got.empty());
}

TEST_F(MessengerTest, ClosesOnAMessageThatCannotBeRead) {
  Bytes& out = a->messenger().pipe().begin_frame();
  out.push_back(std::byte{0xff});
  ASSERT_TRUE(a->messenger().pipe().end_frame(FrameKind::message, 0));
  turn();
  EXPECT_EQ(closed.front(), "sent a message that cannot be read");
}

TEST_F(MessengerTest, RefusesWhatCannotTravel) {
  MessageChannel channel;
  EXPECT_EQ(a->post_message(std::move(channel.port1)).error().code(), EINVAL);
  EXPECT_EQ(a->post_message(Fd()).error().code(), EINVAL);
}

}  // namespace
}  // namespace brigade::cluster::detail
