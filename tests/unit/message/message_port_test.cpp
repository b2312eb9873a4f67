// Both ends of a channel: order, closing, handlers, the loop that they keep alive.
#include <gtest/gtest.h>
#include <brigade/message_port.hpp>
#include <brigade/sleep.hpp>
#include "support/counted.hpp"
#include "support/loop_thread.hpp"
#include "support/patience.hpp"
#include "support/root.hpp"

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace brigade {
namespace {

using namespace std::chrono_literals;
using testing_support::Counted;
using testing_support::eventually;
using testing_support::FakeLoop;
using testing_support::LoopThread;
using testing_support::Root;

class MessagePortTest : public testing_support::NothingLeft {
 protected:
  void turns(int count = 3) {
    for (int turn = 0; turn < count; ++turn) fake.loop.turn(false);
  }
  // Notes what arrives at port2; -2 for its end.
  void listen() {
    port2.on_message([this](int number) { heard.push_back(number); });
    port2.on_close([this] { heard.push_back(-2); });
  }
  void post(int number) { ASSERT_TRUE(port1.post_message(number)); }

  FakeLoop fake;
  MessageChannel channel;
  MessagePort& port1 = channel.port1;
  MessagePort& port2 = channel.port2;
  std::vector<int> heard;
};

TEST_F(MessagePortTest, MessagesGoBothWaysInOrder) {
  listen();
  std::vector<int> back;
  port1.on_message([&back](int number) { back.push_back(number); });
  for (int number : {1, 2, 3}) {
    post(number);
    ASSERT_TRUE(port2.post_message(-number));
  }
  EXPECT_TRUE(heard.empty()) << "never from within post_message()";
  turns();
  EXPECT_EQ(heard, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(back, (std::vector<int>{-1, -2, -3}));
}

TEST_F(MessagePortTest, MessagesWaitForTheFirstHandlerAndWhileThereIsNone) {
  post(1);
  turns();
  listen();
  turns();
  EXPECT_EQ(heard, std::vector<int>{1});
  port2.on_message(nullptr);
  post(2);
  turns();
  EXPECT_EQ(heard, std::vector<int>{1});
  listen();
  turns();
  EXPECT_EQ(heard, (std::vector<int>{1, 2}));
}

TEST_F(MessagePortTest, AStoppedPortKeepsItsMessagesUntilItIsStarted) {
  listen();
  port2.stop();
  post(1);
  turns();
  EXPECT_TRUE(heard.empty());
  EXPECT_EQ(port2.waiting(), 1U);
  port2.start();
  turns();
  EXPECT_EQ(heard, std::vector<int>{1});
}

TEST_F(MessagePortTest, AMessageThatWasPostedIsTheReceiversAlone) {
  Bytes bytes(1 << 20, std::byte{1});
  const std::byte* memory = bytes.data();
  Value message(std::move(bytes));
  ASSERT_TRUE(port1.post_message(std::move(message)));
  EXPECT_TRUE(message.is_null());
  EXPECT_TRUE(bytes.empty());
  std::optional<Value> received = port2.try_receive();
  EXPECT_EQ(received->as_bytes().data(), memory) << "moved, not copied";
}

TEST_F(MessagePortTest, TryReceiveTakesOneMessageInCompetitionWithAHandler) {
  EXPECT_FALSE(port2.try_receive());
  listen();
  for (int number : {1, 2, 3}) post(number);
  EXPECT_EQ(port2.try_receive()->as_integer(), 1);
  turns();
  EXPECT_EQ(heard, (std::vector<int>{2, 3}));
}

TEST_F(MessagePortTest, TryReceiveLeavesTheEndToTheHandler) {
  listen();
  post(1);
  port1.close();
  EXPECT_TRUE(port2.try_receive());
  EXPECT_FALSE(port2.try_receive());
  EXPECT_FALSE(port2.try_receive());
  turns();
  EXPECT_EQ(heard, std::vector<int>{-2});
  EXPECT_FALSE(port2.try_receive());
}

TEST_F(MessagePortTest, AMessageOfAnotherTypeGoesToTheErrorHandler) {
  listen();
  std::vector<std::string> wrong;
  port2.on_message_error([&wrong](const MessageError& error) { wrong.push_back(error.what()); });
  ASSERT_TRUE(port1.post_message("text"));
  post(1);
  turns();
  EXPECT_EQ(heard, std::vector<int>{1});
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("string"), std::string::npos) << wrong[0];
}

TEST_F(MessagePortTest, BothEndsAreToldOnceThatTheChannelIsClosed) {
  int told = 0;
  port1.on_message([](Value) {});
  port1.on_close([&told] { ++told; });
  listen();
  port1.close();
  port1.close();
  port2.close();
  turns();
  EXPECT_EQ(told, 1);
  EXPECT_EQ(heard, std::vector<int>{-2});
  EXPECT_FALSE(port1);
  EXPECT_FALSE(port2);
  EXPECT_EQ(port1.post_message(1).error().code(), EPIPE);
  EXPECT_EQ(port2.post_message(1).error().code(), EPIPE);
}

TEST_F(MessagePortTest, TheEndComesBehindTenThousandEarlierMessages) {
  listen();
  std::vector<int> expected;
  for (int number = 0; number < 10'000; ++number) {
    post(number);
    expected.push_back(number);
  }
  expected.push_back(-2);
  port1 = MessagePort();  // destroying closes
  turns(20);
  EXPECT_EQ(heard, expected);
}

TEST_F(MessagePortTest, ClosingInAHandlerStillDeliversWhatWasQueued) {
  port2.on_message([this](int number) {
    heard.push_back(number);
    port2.close();
  });
  port2.on_close([this] { heard.push_back(-2); });
  for (int number : {1, 2, 3}) post(number);
  turns();
  EXPECT_EQ(heard, (std::vector<int>{1, 2, 3, -2}));
}

TEST_F(MessagePortTest, AfterTheEndHandlersMayComeAndGo) {
  listen();
  port1.close();
  turns();
  port2.on_message(nullptr);
  listen();
  port2.start();
  port2.stop();
  port2.close();
  turns();
  EXPECT_EQ(heard, std::vector<int>{-2});
  EXPECT_EQ(fake.loop.refs(), 0U);
  fake.loop.run_until_idle();
}

TEST_F(MessagePortTest, HandlersThatOwnTheirPortAreFreedAtTheEnd) {
  auto owned = std::make_shared<MessagePort>(std::move(port2));
  owned->on_message([owned, kept = Counted()](Value) {});
  std::weak_ptr<MessagePort> watched = std::exchange(owned, nullptr);
  port1.close();
  turns();
  EXPECT_TRUE(watched.expired());
}

TEST_F(MessagePortTest, AHandlerMayDestroyItsPort) {
  auto owned = std::make_unique<MessagePort>(std::move(port2));
  owned->on_message([&, kept = Counted()](int number) {
    heard.push_back(number);
    owned.reset();
    EXPECT_TRUE(kept.intact());
  });
  post(1);
  post(2);
  turns();
  EXPECT_EQ(heard, std::vector<int>{1});
  EXPECT_EQ(port1.post_message(3).error().code(), EPIPE);
}

TEST_F(MessagePortTest, AHandlerMayReplaceItself) {
  port2.on_message([this](int number) {
    heard.push_back(number);
    port2.on_message([this](int next) { heard.push_back(next * 10); });
  });
  post(1);
  post(2);
  turns();
  EXPECT_EQ(heard, (std::vector<int>{1, 20}));
}

TEST_F(MessagePortTest, WhatAHandlerThrowsIsThrownByRunAndThePortGoesOn) {
  port2.on_message([this](int number) {
    heard.push_back(number);
    if (number == 1) throw std::runtime_error("one");
    fake.loop.stop();
  });
  post(1);
  post(2);
  EXPECT_THROW(fake.loop.run(), std::runtime_error);
  fake.loop.run();
  EXPECT_EQ(heard, (std::vector<int>{1, 2}));
}

TEST_F(MessagePortTest, OnlyAHandlerKeepsTheLoopAlive) {
  EXPECT_FALSE(port2.has_ref());
  fake.loop.run_until_idle();
  listen();
  EXPECT_TRUE(port2.has_ref());
  EXPECT_EQ(fake.loop.refs(), 1U);
  port2.on_message(nullptr);
  EXPECT_FALSE(port2.has_ref());
  EXPECT_EQ(fake.loop.refs(), 0U);
  listen();
  port2.unref();
  EXPECT_FALSE(port2.has_ref());
  fake.loop.run_until_idle();
  port2.ref();
  EXPECT_TRUE(port2.has_ref());
  port1.close();
  fake.loop.run_until_idle();  // until the end has been delivered
  EXPECT_EQ(heard, std::vector<int>{-2});
  EXPECT_FALSE(port2.has_ref());
}

TEST_F(MessagePortTest, TwoPortsThatAnswerEachOtherForEverLeaveRoomForTimers) {
  // On a real clock: on the fake one, time passes only when there is nothing to do.
  Loop real;
  MessageChannel other;
  int exchanged = 0;
  for (MessagePort* port : {&other.port1, &other.port2}) {
    port->on_message([port, &exchanged](int number) {
      exchanged = number;
      EXPECT_TRUE(port->post_message(number + 1));
    });
  }
  ASSERT_TRUE(other.port1.post_message(0));
  real.run([]() -> Task<> { co_await sleep(5ms); }());
  EXPECT_GT(exchanged, 1);
}

TEST_F(MessagePortTest, ABoundedQueueRefusesOneMoreAndKeepsIt) {
  MessageChannel bounded({.max_queue = 2});
  ASSERT_TRUE(bounded.port1.post_message(1));
  ASSERT_TRUE(bounded.port1.post_message(2));
  Value third("third");
  EXPECT_EQ(bounded.port1.post_message(std::move(third)).error().code(), EAGAIN);
  EXPECT_EQ(third, Value("third"));
  EXPECT_EQ(bounded.port2.waiting(), 2U);
  EXPECT_TRUE(bounded.port2.post_message(1)) << "each direction has a queue of its own";
  EXPECT_TRUE(bounded.port2.try_receive());
  EXPECT_TRUE(bounded.port1.post_message(std::move(third)));
}

TEST_F(MessagePortTest, APortThatIsNoneRefusesEverything) {
  MessagePort none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.post_message(1).error().code(), EPIPE);
  EXPECT_FALSE(none.try_receive());
  EXPECT_FALSE(none.receive_sync(0s));
  EXPECT_EQ(none.waiting(), 0U);
  none.on_message([](Value) {});
  none.on_message_error(nullptr);
  none.on_close(nullptr);
  none.start();
  none.stop();
  none.ref();
  none.unref();
  EXPECT_FALSE(none.has_ref());
  none.close();
}

TEST_F(MessagePortTest, TheEndIsToldWithoutAMessageHandlerToo) {
  port2.on_close([this] { heard.push_back(-2); });
  turns();
  EXPECT_TRUE(heard.empty());
  EXPECT_EQ(fake.loop.refs(), 0U) << "it keeps no loop alive";
  port1.close();
  turns();
  EXPECT_EQ(heard, std::vector<int>{-2});
  EXPECT_FALSE(port2);
}

TEST_F(MessagePortTest, TheEndThatCameBeforeTheHandlerIsToldAsWell) {
  port1.close();
  port2.on_close([this] { heard.push_back(-2); });
  turns();
  EXPECT_EQ(heard, std::vector<int>{-2});
}

TEST_F(MessagePortTest, WithoutAMessageHandlerTheEndWaitsForWhoeverTakesTheMessages) {
  port2.on_close([this] { heard.push_back(-2); });
  post(1);
  post(2);
  port1.close();
  turns();
  EXPECT_EQ(port2.waiting(), 3U) << "two messages and the end";
  EXPECT_TRUE(port2.try_receive());
  turns();
  EXPECT_TRUE(heard.empty());
  EXPECT_TRUE(port2.receive_sync());
  turns();
  EXPECT_EQ(heard, std::vector<int>{-2});
}

TEST_F(MessagePortTest, ReceivingToTheEndAndHearingOfItGoTogether) {
  port2.on_close([this] { heard.push_back(-2); });
  const auto receive_all = [](MessagePort& port, std::vector<int>& into) -> Task<> {
    while (const auto number = co_await port.receive<int>()) into.push_back(*number);
    into.push_back(-1);
  };
  Root reader(receive_all(port2, heard));
  reader.start();
  turns();
  post(1);
  port1.close();
  turns();
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(heard, (std::vector<int>{1, -1, -2}));
}

TEST_F(MessagePortTest, APausedPortIsToldOfItsEndWhenNothingWaits) {
  listen();
  port2.stop();
  port1.close();
  turns();
  EXPECT_EQ(heard, std::vector<int>{-2});
}

TEST_F(MessagePortTest, TheEndHandlerMayBeReplacedOrTakenAway) {
  port2.on_close([this] { heard.push_back(-3); });
  port2.on_close([this] { heard.push_back(-2); });
  port1.on_close([this] { heard.push_back(-4); });
  port1.on_close(nullptr);
  port1.close();
  turns();
  EXPECT_EQ(heard, std::vector<int>{-2});
}

TEST_F(MessagePortTest, TheEndHandlerMayDestroyThePortAndThrow) {
  port2.on_close([this] {
    port2 = MessagePort();
    throw std::runtime_error("closed");
  });
  port1.close();
  turns();
  EXPECT_THROW(fake.loop.run_until_idle(), std::runtime_error);
}

TEST_F(MessagePortTest, APortOutlivesTheLoopThatItsEndIsToldOn) {
  {
    Loop inner;
    port2.on_close([this] { heard.push_back(-2); });
    port1.on_close([this] { heard.push_back(-3); });
    port1.close();
  }
  turns();
  EXPECT_TRUE(heard.empty() || heard.size() == 2U);
}

TEST_F(MessagePortTest, AMovedPortObjectIsTheSamePort) {
  listen();
  MessagePort moved = std::move(port2);
  post(1);
  turns();
  EXPECT_EQ(heard, std::vector<int>{1});
  EXPECT_FALSE(port2);
}

TEST_F(MessagePortTest, ReceiveSyncWaitsForAnotherThread) {
  std::thread sender([this] {
    for (int number = 0; number < 100; ++number) post(number);
    port1.close();
  });
  for (int number = 0; number < 100; ++number) {
    const auto message = port2.receive_sync();
    ASSERT_TRUE(message);
    ASSERT_EQ(message->as_integer(), number);
  }
  EXPECT_FALSE(port2.receive_sync()) << "closed";
  EXPECT_FALSE(port2.receive_sync()) << "still closed";
  sender.join();
}

TEST_F(MessagePortTest, ReceiveSyncGivesUpAtItsTimeout) {
  EXPECT_FALSE(port2.receive_sync(1ms));
  EXPECT_FALSE(port2.receive_sync(0s));
  EXPECT_FALSE(port2.receive_sync(-1s));
  post(1);
  EXPECT_TRUE(port2.receive_sync(0s));
}

TEST_F(MessagePortTest, ThreadsMayPostWhileTheOtherEndComesAndGoes) {
  // Each end on a thread of its own; the far one is closed at some moment in the middle.
  LoopThread thread;
  for (int round = 0; round < 50; ++round) {
    MessageChannel pair;
    auto far = std::make_shared<MessagePort>(std::move(pair.port2));
    std::atomic<int> received{0};
    std::atomic<bool> closed{false};
    thread.run([&] {
      far->on_message([&received](int) { ++received; });
      far->on_close([&closed] { closed = true; });
    });
    int sent = 0;
    while (pair.port1.post_message(sent)) {
      if (++sent == round * 10 + 1) thread.loop().post([far] { far->close(); });
    }
    ASSERT_TRUE(eventually([&closed] { return closed.load(); }));
    EXPECT_EQ(received, sent) << "what was accepted is delivered";
    thread.run([&far] { far.reset(); });
  }
}

}  // namespace
}  // namespace brigade
