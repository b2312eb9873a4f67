// Broadcast channels, on one loop and between threads.
#include <gtest/gtest.h>
#include <brigade/broadcast_channel.hpp>
#include <brigade/message_port.hpp>
#include <brigade/shared_buffer.hpp>
#include <brigade/sleep.hpp>
#include "message/broadcast_group.hpp"
#include "support/counted.hpp"
#include "support/loop_thread.hpp"
#include "support/patience.hpp"
#include "support/root.hpp"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace brigade {
namespace {

using testing_support::eventually;
using testing_support::FakeLoop;
using testing_support::LoopThread;
using testing_support::Root;

class BroadcastChannelTest : public testing_support::NothingLeft {
 protected:
  ~BroadcastChannelTest() override { EXPECT_EQ(detail::broadcast_groups(), 0U); }
  void turns(int count = 3) {
    for (int turn = 0; turn < count; ++turn) fake.loop.turn(false);
  }
  FakeLoop fake;
};

std::vector<std::string> all_of(BroadcastChannel& channel) {
  std::vector<std::string> texts;
  while (std::optional<Value> message = channel.try_receive()) {
    texts.push_back(message->as_string());
  }
  return texts;
}

TEST_F(BroadcastChannelTest, EveryOtherChannelOfTheNameReceivesTheMessage) {
  BroadcastChannel one("news");
  BroadcastChannel two("news");
  BroadcastChannel three("news");
  BroadcastChannel other("sports");
  ASSERT_TRUE(one.post_message("hello"));
  EXPECT_EQ(all_of(two), std::vector<std::string>{"hello"});
  EXPECT_EQ(all_of(three), std::vector<std::string>{"hello"});
  EXPECT_EQ(all_of(one), std::vector<std::string>{}) << "but not the one that sent it";
  EXPECT_EQ(all_of(other), std::vector<std::string>{});
  EXPECT_EQ(one.name(), "news");
}

TEST_F(BroadcastChannelTest, WithNobodyElseThereAMessageIsGone) {
  BroadcastChannel one("news");
  EXPECT_TRUE(one.post_message(1));
  BroadcastChannel late("news");
  EXPECT_FALSE(late.try_receive());
}

TEST_F(BroadcastChannelTest, EachReceiverHasACopyOfItsOwn) {
  BroadcastChannel sender("news");
  BroadcastChannel one("news");
  BroadcastChannel two("news");
  ASSERT_TRUE(sender.post_message(Bytes(1000, std::byte{7})));
  Bytes first = one.try_receive()->as_bytes();
  Bytes second = two.try_receive()->as_bytes();
  EXPECT_EQ(first, second);
  EXPECT_NE(first.data(), second.data());
}

TEST_F(BroadcastChannelTest, SharedBuffersAreShared) {
  BroadcastChannel sender("news");
  BroadcastChannel one("news");
  BroadcastChannel two("news");
  auto buffer = SharedBuffer::create(4096).value();
  ASSERT_TRUE(sender.post_message(buffer));
  const auto first = one.try_receive();
  const auto second = two.try_receive();
  EXPECT_EQ(*first, Value(buffer));
  EXPECT_EQ(*second, Value(buffer));
}

TEST_F(BroadcastChannelTest, AMessageWithPortsOrDescriptorsIsRefusedAndKept) {
  BroadcastChannel sender("news");
  BroadcastChannel one("news");
  MessageChannel channel;
  Value message = Value::object({{"port", std::move(channel.port1)}});
  const Result<void> sent = sender.post_message(std::move(message));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), EINVAL);
  EXPECT_TRUE(message.at("port").as_port());
  EXPECT_EQ(sender.post_message(Value(std::move(channel.port2))).error().code(), EINVAL);
  EXPECT_EQ(sender.post_message(Value::array(Fd(::dup(0)))).error().code(), EINVAL);
  EXPECT_FALSE(one.try_receive());
}

TEST_F(BroadcastChannelTest, AMessageThatIsTooDeepIsRefused) {
  BroadcastChannel sender("news");
  Value message;
  for (int level = 0; level < 100; ++level) message = Value::array(std::move(message));
  EXPECT_EQ(sender.post_message(std::move(message)).error().code(), EINVAL);
  EXPECT_TRUE(message.is_array());
}

TEST_F(BroadcastChannelTest, AHandlerIsCalledWithTheConvertedMessage) {
  BroadcastChannel sender("news");
  BroadcastChannel one("news");
  std::vector<int> heard;
  std::string wrong;
  one.on_message([&heard](int number) { heard.push_back(number); });
  one.on_message_error([&wrong](const MessageError& error) { wrong = error.what(); });
  ASSERT_TRUE(sender.post_message(1));
  ASSERT_TRUE(sender.post_message("two"));
  ASSERT_TRUE(sender.post_message(3));
  EXPECT_TRUE(heard.empty()) << "never from within post_message()";
  turns();
  EXPECT_EQ(heard, (std::vector<int>{1, 3}));
  EXPECT_NE(wrong, "");
}

TEST_F(BroadcastChannelTest, ReceiveWaitsForTheNextMessage) {
  BroadcastChannel sender("news");
  BroadcastChannel one("news");
  std::vector<int> heard;
  Root root([](BroadcastChannel& channel, std::vector<int>& into) -> Task<> {
    for (int count = 0; count < 2; ++count) {
      auto number = co_await channel.receive<int>();
      into.push_back(number.value_or(-1));
    }
  }(one, heard));
  root.start();
  ASSERT_TRUE(sender.post_message(1));
  turns();
  EXPECT_EQ(heard, std::vector<int>{1});
  ASSERT_TRUE(sender.post_message(2));
  run_until_done(fake, root);
  EXPECT_EQ(heard, (std::vector<int>{1, 2}));
}

TEST_F(BroadcastChannelTest, CloseEndsAWaitingReceiveAndTellsNobodyElse) {
  BroadcastChannel one("news");
  BroadcastChannel two("news");
  two.on_message([](Value) { FAIL(); });
  bool ended = false;
  Root root([](BroadcastChannel& channel, bool& at_end) -> Task<> {
    auto first = co_await channel.receive();
    auto second = co_await channel.receive();  // of a closed one
    at_end = !first && !second;
  }(one, ended));
  root.start();
  one.close();
  run_until_done(fake, root);
  EXPECT_TRUE(ended);
  turns();
}

TEST_F(BroadcastChannelTest, DestroyingItEndsAWaitingReceive) {
  auto channel = std::make_unique<BroadcastChannel>("news");
  bool ended = false;
  Root root([](BroadcastChannel& its, bool& at_end) -> Task<> {
    auto message = co_await its.receive();
    at_end = !message;
  }(*channel, ended));
  root.start();
  channel.reset();
  run_until_done(fake, root);
  EXPECT_TRUE(ended);
}

TEST_F(BroadcastChannelTest, AfterCloseNothingIsSentOrDelivered) {
  BroadcastChannel one("news");
  BroadcastChannel two("news");
  two.on_message([](Value) { FAIL() << "it was closed before the message was handled"; });
  ASSERT_TRUE(one.post_message(1));
  two.close();
  two.close();
  turns();
  EXPECT_FALSE(two);
  EXPECT_FALSE(two.has_ref());
  EXPECT_EQ(two.waiting(), 0U);
  EXPECT_EQ(two.post_message(2).error().code(), EPIPE);
  EXPECT_FALSE(one.try_receive());
  EXPECT_TRUE(one.post_message(3));
  EXPECT_FALSE(two.try_receive());
  two.on_message([](Value) { FAIL(); });
  turns();
}

TEST_F(BroadcastChannelTest, AMovedChannelStaysInItsGroupAndTheOldObjectIsNone) {
  BroadcastChannel sender("news");
  BroadcastChannel one("news");
  BroadcastChannel moved(std::move(one));
  EXPECT_FALSE(one);
  EXPECT_EQ(one.name(), "");
  EXPECT_EQ(one.post_message(1).error().code(), EPIPE);
  EXPECT_FALSE(one.try_receive());
  ASSERT_TRUE(sender.post_message("to the moved one"));
  EXPECT_EQ(all_of(moved).size(), 1U);
}

TEST_F(BroadcastChannelTest, AFullReceiverMissesTheMessageAndNobodyElseDoes) {
  BroadcastChannel sender("news");
  BroadcastChannel narrow("news", {.max_queue = 2});
  BroadcastChannel wide("news", {.max_queue = 0});
  for (const char* text : {"a", "b", "c", "d"}) ASSERT_TRUE(sender.post_message(text));
  EXPECT_EQ(narrow.waiting(), 2U);
  EXPECT_EQ(narrow.dropped(), 2U);
  EXPECT_EQ(wide.dropped(), 0U);
  EXPECT_EQ(all_of(narrow), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(all_of(wide).size(), 4U);
  ASSERT_TRUE(sender.post_message("e"));
  EXPECT_EQ(all_of(narrow), std::vector<std::string>{"e"});
}

TEST_F(BroadcastChannelTest, AChannelThatOnlyPostsKeepsNothing) {
  BroadcastChannel sender("news");
  BroadcastChannel posts("news", {.receives = false});
  BroadcastChannel one("news");
  ASSERT_TRUE(sender.post_message(1));
  EXPECT_EQ(posts.waiting(), 0U);
  EXPECT_FALSE(posts.try_receive());
  ASSERT_TRUE(posts.post_message(2));
  EXPECT_EQ(one.waiting(), 2U);
  EXPECT_EQ(sender.waiting(), 1U);
}

TEST_F(BroadcastChannelTest, AHandlerKeepsTheLoopAliveUntilUnref) {
  BroadcastChannel one("news");
  EXPECT_EQ(fake.loop.refs(), 0U);
  one.on_message([](Value) {});
  EXPECT_TRUE(one.has_ref());
  EXPECT_EQ(fake.loop.refs(), 1U);
  one.unref();
  EXPECT_EQ(fake.loop.refs(), 0U);
  one.ref();
  one.on_message(nullptr);
  EXPECT_EQ(fake.loop.refs(), 0U);
  one.on_message([](Value) {});
  one.close();
  EXPECT_EQ(fake.loop.refs(), 0U);
}

TEST_F(BroadcastChannelTest, WithoutAHandlerMessagesWaitForTheNextOne) {
  BroadcastChannel sender("news");
  BroadcastChannel one("news");
  std::vector<int> heard;
  const auto handler = [&heard](int number) { heard.push_back(number); };
  one.on_message(handler);
  one.on_message(nullptr);
  ASSERT_TRUE(sender.post_message(1));
  turns();
  EXPECT_TRUE(heard.empty());
  one.on_message(handler);
  turns();
  EXPECT_EQ(heard, std::vector<int>{1});
}

TEST_F(BroadcastChannelTest, AHandlerMayCloseOrDestroyItsChannel) {
  BroadcastChannel sender("news");
  auto one = std::make_unique<BroadcastChannel>("news");
  BroadcastChannel two("news");
  int calls = 0;
  one->on_message([&, kept = testing_support::Counted()](Value) {
    ++calls;
    one.reset();
    EXPECT_TRUE(kept.intact());
  });
  two.on_message([&, kept = testing_support::Counted()](Value) {
    ++calls;
    two.close();
    EXPECT_TRUE(kept.intact());
  });
  ASSERT_TRUE(sender.post_message(1));
  ASSERT_TRUE(sender.post_message(2));
  turns();
  EXPECT_EQ(calls, 2);
}

TEST_F(BroadcastChannelTest, WhatAHandlerThrowsEndsTheLoop) {
  BroadcastChannel sender("news");
  BroadcastChannel one("news");
  one.on_message([](Value) { throw std::runtime_error("from the handler"); });
  ASSERT_TRUE(sender.post_message(1));
  EXPECT_THROW(fake.loop.run(), std::runtime_error);
}

TEST_F(BroadcastChannelTest, AHandlerAndAReceiveAtOnceAreRefused) {
  BroadcastChannel one("news");
  Root root([](BroadcastChannel& channel) -> Task<> { co_await channel.receive(); }(one));
  root.start();
  EXPECT_THROW(one.on_message([](Value) {}), std::logic_error);
  root.destroy();
  one.on_message([](Value) {});
  Root second([](BroadcastChannel& channel) -> Task<> { co_await channel.receive(); }(one));
  second.start();
  EXPECT_THROW(second.result(), std::logic_error);
}

TEST_F(BroadcastChannelTest, MessagesOfOneSenderArriveInOrderInEveryThread) {
  constexpr int count = 2000;
  struct Receiver {
    std::optional<BroadcastChannel> channel;
    std::vector<int> last = {-1, -1};  // of each sender
    int faults = 0;
    std::atomic<int> received{0};
  };
  Receiver receivers[2];
  std::atomic<int> sent{0};
  {
    LoopThread threads[2];
    for (int index = 0; index < 2; ++index) {
      threads[index].run([&receiver = receivers[index]] {
        receiver.channel.emplace("news", BroadcastChannelOptions{.max_queue = 0});
        receiver.channel->on_message([&receiver](std::vector<int> message) {
          int& last = receiver.last[static_cast<std::size_t>(message[0])];
          if (message[1] != last + 1) ++receiver.faults;
          last = message[1];
          ++receiver.received;
        });
      });
    }
    // Each thread also sends, through a channel of its own; so each hears both.
    for (int index = 0; index < 2; ++index) {
      threads[index].spawn([index, &sent]() -> Task<> {
        BroadcastChannel sender("news", {.receives = false});
        for (int number = 0; number < count; ++number) {
          EXPECT_TRUE(sender.post_message(std::vector<int>{index, number}));
          if (number % 100 == 0) co_await yield();
        }
        ++sent;
      });
    }
    EXPECT_TRUE(eventually(
        [&] { return receivers[0].received == 2 * count && receivers[1].received == 2 * count; }));
    for (int index = 0; index < 2; ++index) {
      threads[index].run([&receiver = receivers[index]] { receiver.channel.reset(); });
    }
  }
  EXPECT_EQ(receivers[0].faults + receivers[1].faults, 0);
}

TEST_F(BroadcastChannelTest, JoiningAndLeavingRacesWithPostsHarmlessly) {
  std::atomic<bool> ends{false};
  LoopThread threads[2];
  std::atomic<int> left{0};
  for (LoopThread& thread : threads) {
    thread.spawn([&ends, &left]() -> Task<> {
      while (!ends) {
        BroadcastChannel one("news", {.max_queue = 8});
        BroadcastChannel two("news");
        two.on_message([](Value) {});
        EXPECT_TRUE(one.post_message("some text that is longer than a small string"));
        co_await yield();
        EXPECT_TRUE(two.post_message(Value::array(1, 2, "three")));
      }
      ++left;
    });
  }
  BroadcastChannel mine("news");
  for (int round = 0; round < 2000; ++round) {
    ASSERT_TRUE(mine.post_message(round));
    while (mine.try_receive()) {
    }
  }
  ends = true;
  EXPECT_TRUE(eventually([&left] { return left == 2; }));
}

}  // namespace
}  // namespace brigade
