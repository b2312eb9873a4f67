// co_await port.receive() and port.send(): waiting, cancelling, destroying.
#include <gtest/gtest.h>
#include <brigade/message_port.hpp>
#include <brigade/sleep.hpp>
#include <brigade/when.hpp>
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
#include <vector>

namespace brigade {
namespace {

using testing_support::at_each_suspension;
using testing_support::eventually;
using testing_support::FakeLoop;
using testing_support::LoopThread;
using testing_support::Root;

class ReceiveTest : public testing_support::NothingLeft {
 protected:
  void turns(int count = 3) {
    for (int turn = 0; turn < count; ++turn) fake.loop.turn(false);
  }
  FakeLoop fake;
  MessageChannel channel;
  MessagePort& port1 = channel.port1;
  MessagePort& port2 = channel.port2;
  std::vector<int> heard;
};
using SendTest = ReceiveTest;

Task<> receive_all(MessagePort& port, std::vector<int>& into) {
  while (auto number = co_await port.receive<int>()) into.push_back(*number);
  into.push_back(-2);
}

TEST_F(ReceiveTest, GivesEachMessageAndThenTheEnd) {
  Root root(receive_all(port2, heard));
  ASSERT_TRUE(port1.post_message(1));
  root.start();
  EXPECT_EQ(heard, std::vector<int>{1}) << "what is there already needs no turn";
  ASSERT_TRUE(port1.post_message(2));
  turns();
  EXPECT_EQ(heard, (std::vector<int>{1, 2}));
  ASSERT_TRUE(port1.post_message(3));
  port1.close();
  run_until_done(fake, root);
  EXPECT_EQ(heard, (std::vector<int>{1, 2, 3, -2}));
  fake.loop.run(receive_all(port2, heard));
  EXPECT_EQ(heard.size(), 5U) << "the end stays the end";
}

TEST_F(ReceiveTest, AClosedOrMovedPortGivesTheEndAtOnce) {
  MessagePort none;
  fake.loop.run(receive_all(none, heard));
  port2.close();
  fake.loop.run(receive_all(port2, heard));
  EXPECT_EQ(heard, (std::vector<int>{-2, -2}));
}

TEST_F(ReceiveTest, AMessageOfAnotherTypeThrowsAndIsGone) {
  ASSERT_TRUE(port1.post_message("text"));
  ASSERT_TRUE(port1.post_message(2));
  EXPECT_THROW(fake.loop.run(receive_all(port2, heard)), MessageError);
  EXPECT_EQ(port2.try_receive()->as_integer(), 2);
}

TEST_F(ReceiveTest, AlwaysFindingMailDoesNotStarveTheLoop) {
  constexpr int count = 10 * Loop::budget;
  for (int number = 0; number < count; ++number) ASSERT_TRUE(port1.post_message(number));
  Root root(receive_all(port2, heard));
  root.start();
  EXPECT_LE(heard.size(), static_cast<std::size_t>(Loop::budget));
  fake.loop.turn(false);
  EXPECT_LE(heard.size(), static_cast<std::size_t>(2 * Loop::budget));
  port1.close();
  run_until_done(fake, root);
  EXPECT_EQ(heard.size(), count + 1U);
}

TEST_F(ReceiveTest, CancelledAtAnyPointItLosesNoMessage) {
  // Points: it waits; the news of a message is on its way; it gives way to others.
  for (int point = 0; point < 3; ++point) {
    for (const bool destroys : {false, true}) {
      MessageChannel pair;
      std::vector<int> got;
      Root root(receive_all(pair.port2, got));
      int sent = 0;
      if (point == 2) {
        while (sent < 2 * Loop::budget) ASSERT_TRUE(pair.port1.post_message(sent++));
      }
      root.start();
      if (point == 1) ASSERT_TRUE(pair.port1.post_message(sent++));
      if (destroys) {
        root.destroy();
      } else {
        root.cancel();
        run_until_done(fake, root);
        EXPECT_EQ(root.cancelled(), CancelReason::user);
      }
      turns();
      while (auto message = pair.port2.try_receive()) {
        got.push_back(static_cast<int>(message->as_integer()));
      }
      ASSERT_EQ(got.size(), static_cast<std::size_t>(sent));
      for (int number = 0; number < sent; ++number) {
        ASSERT_EQ(got[static_cast<std::size_t>(number)], number);
      }
      ASSERT_TRUE(pair.port1.post_message(1)) << "the port is as good as ever";
      EXPECT_TRUE(pair.port2.try_receive());
    }
  }
}

TEST_F(ReceiveTest, TheLoserOfARaceLosesNoMessage) {
  const auto first_of = [](MessagePort& a, MessagePort& b) -> Task<> {
    const auto next = [](MessagePort& port) -> Task<std::optional<int>> {
      auto number = co_await port.receive<int>();
      co_return number;
    };
    auto winner = co_await when_any(next(a), next(b));
    EXPECT_EQ(winner.index(), 0U);
  };
  MessageChannel other;
  Root root(first_of(port2, other.port2));
  root.start();
  ASSERT_TRUE(port1.post_message(1));
  ASSERT_TRUE(other.port1.post_message(2));
  run_until_done(fake, root);
  root.result();
  EXPECT_TRUE(other.port2.try_receive());
}

TEST_F(ReceiveTest, DestroyingOrClosingThePortEndsTheWait) {
  for (const bool destroys : {false, true}) {
    MessageChannel pair;
    auto port = std::make_unique<MessagePort>(std::move(pair.port2));
    Root root([](MessagePort& its, std::vector<int>& into) -> Task<> {
      auto message = co_await its.receive();
      into.push_back(message ? 1 : -2);
    }(*port, heard));
    root.start();
    if (destroys) {
      port.reset();
    } else {
      port->close();
    }
    run_until_done(fake, root);
  }
  EXPECT_EQ(heard, (std::vector<int>{-2, -2}));
}

TEST_F(ReceiveTest, DestroyedUnderAWaitThatIsCancelledAfterwards) {
  auto port = std::make_unique<MessagePort>(std::move(port2));
  Root root(receive_all(*port, heard));
  root.start();
  ASSERT_TRUE(port1.post_message(1));
  port.reset();
  root.cancel();
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::user);
}

TEST_F(ReceiveTest, OnlyOneMayWaitAndNotBesideAHandler) {
  Root first(receive_all(port2, heard));
  first.start();
  Root second(receive_all(port2, heard));
  second.start();
  EXPECT_THROW(second.result(), std::logic_error);
  EXPECT_THROW(port2.on_message([](Value) {}), std::logic_error);
  first.destroy();
  port2.on_message([](Value) {});
  Root third(receive_all(port2, heard));
  third.start();
  EXPECT_THROW(third.result(), std::logic_error) << "the handler's pump has not armed it yet";
}

TEST_F(ReceiveTest, AReceiveInsideAHandlerOfTheSamePortIsRefused) {
  std::optional<Root> root;
  port2.on_message([&](Value) {
    root.emplace(receive_all(port2, heard));
    root->start();
  });
  ASSERT_TRUE(port1.post_message(1));
  turns();
  EXPECT_THROW(root->result(), std::logic_error);
}

TEST_F(SendTest, WaitsForRoomInAFullQueue) {
  MessageChannel bounded({.max_queue = 1});
  Root root([](MessagePort& port) -> Task<> {
    for (int number = 0; number < 3; ++number) {
      auto sent = co_await port.send(number);
      EXPECT_TRUE(sent);
    }
  }(bounded.port1));
  root.start();
  EXPECT_FALSE(root.done());
  for (int number = 0; number < 3; ++number) {
    EXPECT_EQ(bounded.port2.try_receive()->as_integer(), number);
    turns();
  }
  EXPECT_TRUE(root.done());
}

Task<> send_one(MessagePort& port, int number, int& code) {
  auto sent = co_await port.send(number);
  code = sent ? 0 : sent.error().code();
}

TEST_F(SendTest, AnEndWakesThoseWhoWaitForRoom) {
  for (int way = 0; way < 3; ++way) {
    MessageChannel bounded({.max_queue = 1});
    ASSERT_TRUE(bounded.port1.post_message(0));
    int code = -1;
    Root root(send_one(bounded.port1, 1, code));
    root.start();
    EXPECT_FALSE(root.done());
    if (way == 0) bounded.port2.close();
    if (way == 1) bounded.port2 = MessagePort();
    if (way == 2) bounded.port1.close();
    run_until_done(fake, root);
    EXPECT_EQ(code, EPIPE) << way;
  }
}

TEST_F(SendTest, AWaiterThatGivesUpPassesTheRoomOn) {
  for (const bool destroys : {false, true}) {
    MessageChannel bounded({.max_queue = 1});
    ASSERT_TRUE(bounded.port1.post_message(0));
    int first_code = -1;
    int second_code = -1;
    Root first(send_one(bounded.port1, 1, first_code));
    Root second(send_one(bounded.port1, 2, second_code));
    first.start();
    second.start();
    EXPECT_TRUE(bounded.port2.try_receive());  // room for one: the first is told
    if (destroys) {
      first.destroy();
    } else {
      first.cancel();
    }
    run_until_done(fake, second);
    EXPECT_EQ(second_code, 0);
    EXPECT_EQ(first_code, -1);
    EXPECT_EQ(bounded.port2.try_receive()->as_integer(), 2);
    if (!destroys) run_until_done(fake, first);
  }
}

TEST_F(SendTest, AMessageThatCannotGoInPassesTheRoomOn) {
  MessageChannel bounded({.max_queue = 1});
  ASSERT_TRUE(bounded.port1.post_message(0));
  MessageChannel travels;
  travels.port1.on_message([](Value) {});
  Root first([](MessagePort& port, MessagePort cargo) -> Task<> {
    auto sent = co_await port.send(std::move(cargo));
    EXPECT_EQ(sent.error().code(), EINVAL);
  }(bounded.port1, std::move(travels.port1)));
  int code = -1;
  Root second(send_one(bounded.port1, 2, code));
  first.start();
  second.start();
  travels.port2.close();
  turns();  // the message waits with a port that is closed now
  EXPECT_TRUE(bounded.port2.try_receive());
  run_until_done(fake, second);
  EXPECT_EQ(code, 0);
}

TEST_F(SendTest, ToAPortThatIsNoneIsAnError) {
  MessagePort none;
  int code = -1;
  fake.loop.run(send_one(none, 1, code));
  EXPECT_EQ(code, EPIPE);
}

TEST_F(SendTest, AlwaysFindingRoomDoesNotStarveTheLoop) {
  Root root([](MessagePort& port) -> Task<> {
    for (int number = 0; number < 3 * Loop::budget; ++number) {
      auto sent = co_await port.send(number);
      EXPECT_TRUE(sent);
    }
  }(port1));
  root.start();
  EXPECT_FALSE(root.done());
  EXPECT_LE(port2.waiting(), static_cast<std::size_t>(Loop::budget));
  run_until_done(fake, root);
  for (int number = 0; number < 3 * Loop::budget; ++number) {
    ASSERT_EQ(port2.try_receive()->as_integer(), number);
  }
}

TEST_F(SendTest, CancelledOrDestroyedAtAnyPointItSendsAllOrNothing) {
  struct Pair {
    MessageChannel channel{{.max_queue = 2}};
    int sent = 0;
  };
  std::shared_ptr<Pair> pair;
  const auto body = [&pair]() {
    pair = std::make_shared<Pair>();
    return [](std::shared_ptr<Pair> its) -> Task<> {
      for (int number = 0; number < 6; ++number) {
        auto sent = co_await its->channel.port1.send(number);
        EXPECT_TRUE(sent);
        ++its->sent;
        if (its->sent % 2 == 0) {
          co_await yield();
          (void)its->channel.port2.try_receive();
          (void)its->channel.port2.try_receive();
        }
      }
    }(pair);
  };
  const auto check = [&pair] {
    EXPECT_EQ(static_cast<std::size_t>(pair->sent % 2), pair->channel.port2.waiting() % 2);
    pair.reset();
  };
  EXPECT_GT(at_each_suspension(body,
                               [&check](FakeLoop&, Root& root) {
                                 root.destroy();
                                 check();
                               }),
            2);
  at_each_suspension(body, [&check](FakeLoop& loop, Root& root) {
    root.cancel();
    run_until_done(loop, root);
    check();
  });
}

TEST_F(SendTest, BetweenThreadsASlowReaderHoldsTheSendersUp) {
  constexpr int each = 3000;
  constexpr std::size_t limit = 4;
  MessageChannel bounded({.max_queue = limit});
  std::vector<int> next = {0, 0};
  std::atomic<int> faults{0};
  std::atomic<bool> done{false};
  {
    LoopThread sender;
    LoopThread reader;
    std::atomic<int> ended{0};
    for (int which = 0; which < 2; ++which) {
      sender.spawn([&, which]() -> Task<> {
        for (int number = 0; number < each; ++number) {
          auto sent = co_await bounded.port1.send(which * each + number);
          EXPECT_TRUE(sent);
        }
        if (++ended == 2) bounded.port1.close();
      });
    }
    reader.spawn([&]() -> Task<> {
      while (auto number = co_await bounded.port2.receive<int>()) {
        if (bounded.port2.waiting() > limit + 1) ++faults;  // the end is one more
        int& expected = next[static_cast<std::size_t>(*number / each)];
        if (*number % each != expected++) ++faults;
      }
      done = true;
    });
    EXPECT_TRUE(eventually([&done] { return done.load(); }));
  }
  EXPECT_EQ(next, (std::vector<int>{each, each}));
  EXPECT_EQ(faults, 0);
}

TEST_F(ReceiveTest, BetweenThreadsCancelsRaceWithMessagesHarmlessly) {
  // The reader gives up again and again; what was sent is received once and in order all the same.
  constexpr int count = 5000;
  LoopThread reader;
  std::atomic<int> next{0};
  std::atomic<int> faults{0};
  std::atomic<bool> done{false};
  reader.spawn([&]() -> Task<> {
    const auto one = [](MessagePort& port, std::atomic<int>& expected,
                        std::atomic<int>& wrong) -> Task<bool> {
      auto number = co_await port.receive<int>();
      if (!number) co_return false;
      if (*number != expected++) ++wrong;
      co_return true;
    };
    const auto moment = []() -> Task<bool> {
      co_await yield();
      co_return true;
    };
    while (true) {
      auto first = co_await when_any(one(port2, next, faults), moment());
      if (first.index() == 0 && !std::get<0>(first)) break;
    }
    done = true;
  });
  for (int number = 0; number < count; ++number) ASSERT_TRUE(port1.post_message(number));
  port1.close();
  EXPECT_TRUE(eventually([&done] { return done.load(); }));
  EXPECT_EQ(next, count);
  EXPECT_EQ(faults, 0);
}

}  // namespace
}  // namespace brigade
