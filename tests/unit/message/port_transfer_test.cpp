// Ports that travel in messages: their queue, their order, and what is refused.
#include <gtest/gtest.h>
#include <brigade/message_port.hpp>
#include "support/counted.hpp"
#include "support/loop_thread.hpp"
#include "support/patience.hpp"
#include "support/root.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace brigade {
namespace {

using testing_support::Counted;
using testing_support::eventually;
using testing_support::FakeLoop;
using testing_support::LoopThread;
using testing_support::Root;

class PortTransferTest : public testing_support::NothingLeft {
 protected:
  void turns(int count = 3) {
    for (int turn = 0; turn < count; ++turn) fake.loop.turn(false);
  }
  FakeLoop fake;
  MessageChannel carrier;  // what the others travel through
  MessageChannel channel;
};

MessagePort port_in(std::optional<Value> message) {
  return std::move(*message).as_port();
}

TEST_F(PortTransferTest, APostedPortIsNoneHereAndWorksThere) {
  ASSERT_TRUE(carrier.port1.post_message(std::move(channel.port2)));
  EXPECT_FALSE(channel.port2);
  MessagePort arrived = port_in(carrier.port2.try_receive());
  EXPECT_TRUE(arrived);
  ASSERT_TRUE(channel.port1.post_message("to"));
  ASSERT_TRUE(arrived.post_message("fro"));
  EXPECT_EQ(*arrived.try_receive(), Value("to"));
  EXPECT_EQ(*channel.port1.try_receive(), Value("fro"));
}

TEST_F(PortTransferTest, ItTakesItsQueueAlongAndTheOrderIsKept) {
  ASSERT_TRUE(channel.port1.post_message(1));
  ASSERT_TRUE(carrier.port1.post_message(std::move(channel.port2)));
  ASSERT_TRUE(channel.port1.post_message(2));
  MessagePort arrived = port_in(carrier.port2.try_receive());
  ASSERT_TRUE(channel.port1.post_message(3));
  for (int number : {1, 2, 3}) EXPECT_EQ(arrived.try_receive()->as_integer(), number);
}

TEST_F(PortTransferTest, ItLeavesItsHandlersBehindAndItsLoopFree) {
  channel.port2.on_message([kept = Counted()](Value) { FAIL() << "it has left"; });
  channel.port2.on_close([kept = Counted()] { FAIL() << "it has left"; });
  turns();
  ASSERT_TRUE(channel.port1.post_message(1));
  ASSERT_TRUE(carrier.port1.post_message(std::move(channel.port2)));
  EXPECT_EQ(Counted::live, 0);
  EXPECT_EQ(fake.loop.refs(), 0U);
  turns();
  MessagePort arrived = port_in(carrier.port2.try_receive());
  EXPECT_EQ(arrived.try_receive()->as_integer(), 1);
}

TEST_F(PortTransferTest, AReceiveThatWaitsForItEndsWithNothing) {
  std::optional<Value> got(1);
  Root root([](MessagePort& port, std::optional<Value>& into) -> Task<> {
    auto message = co_await port.receive();
    into = std::move(message);
  }(channel.port2, got));
  root.start();
  ASSERT_TRUE(carrier.port1.post_message(std::move(channel.port2)));
  run_until_done(fake, root);
  EXPECT_FALSE(got);
}

TEST_F(PortTransferTest, HandlersThatOwnOtherPortsMayDieInTheTransfer) {
  // Their destructors close channels, those of the mailboxes in question among them.
  MessageChannel owned;
  auto keeps = std::make_shared<MessagePort>(std::move(carrier.port2));
  auto also = std::make_shared<MessagePort>(std::move(owned.port1));
  ASSERT_TRUE(owned.port2.post_message(MessageChannel().port1));
  channel.port2.on_message([keeps, also](Value) {});
  keeps.reset();
  also.reset();
  EXPECT_TRUE(carrier.port1.post_message(std::move(channel.port2)));
  EXPECT_EQ(carrier.port1.post_message(1).error().code(), EPIPE);
}

TEST_F(PortTransferTest, PortsTravelInArraysAndObjects) {
  MessageChannel second;
  Value message = Value::object({{"list", Value::array(1, Value::array(std::move(channel.port2)))},
                                 {"port", std::move(second.port2)}});
  ASSERT_TRUE(carrier.port1.post_message(std::move(message)));
  std::optional<Value> arrived = carrier.port2.try_receive();
  ASSERT_TRUE(arrived);
  ASSERT_TRUE(channel.port1.post_message("deep"));
  ASSERT_TRUE(second.port1.post_message("flat"));
  EXPECT_EQ(*arrived->at("list")[1][0].as_port().try_receive(), Value("deep"));
  EXPECT_EQ(*arrived->at("port").as_port().try_receive(), Value("flat"));
}

TEST_F(PortTransferTest, DescriptorsTravel) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  const int number = writer.get();
  ASSERT_TRUE(carrier.port1.post_message(Value::array(std::move(writer))));
  std::optional<Value> message = carrier.port2.try_receive();
  Fd arrived = std::move((*message)[0]).as_descriptor();
  EXPECT_EQ(arrived.get(), number);
  EXPECT_EQ(::write(arrived.get(), "x", 1), 1);
}

TEST_F(PortTransferTest, APortThroughItsOwnChannelIsRefusedAndStaysUsable) {
  Value own1(std::move(channel.port1));
  Value own2(std::move(channel.port2));
  for (Value* through : {&own1, &own2}) {
    for (Value* travels : {&own1, &own2}) {
      if (through == travels) continue;
      const Result<void> posted = through->as_port().post_message(std::move(*travels));
      ASSERT_FALSE(posted);
      EXPECT_EQ(posted.error().code(), EINVAL);
      EXPECT_TRUE(travels->is_port());
    }
  }
  ASSERT_TRUE(own1.as_port().post_message(1));
  EXPECT_TRUE(own2.as_port().try_receive());
}

TEST_F(PortTransferTest, AnErrorDetachesNothing) {
  // The first port in the message is good, and has a handler; the second is closed.
  int heard = 0;
  channel.port2.on_message([&heard](Value) { ++heard; });
  MessageChannel closed;
  closed.port1.close();
  Value message = Value::array(std::move(channel.port2), std::move(closed.port1));
  EXPECT_EQ(carrier.port1.post_message(std::move(message)).error().code(), EINVAL);
  EXPECT_TRUE(message[0].as_port());
  EXPECT_TRUE(message[0].as_port().has_ref());
  ASSERT_TRUE(channel.port1.post_message(1));
  turns();
  EXPECT_EQ(heard, 1);
}

TEST_F(PortTransferTest, AFullOrClosedDestinationLeavesPortsWithTheirHandlers) {
  int heard = 0;
  channel.port2.on_message([&heard](Value) { ++heard; });
  Value message = Value::array(std::move(channel.port2));
  MessageChannel full({.max_queue = 1});
  ASSERT_TRUE(full.port1.post_message(1));
  EXPECT_EQ(full.port1.post_message(std::move(message)).error().code(), EAGAIN);
  full.port2.close();
  EXPECT_EQ(full.port1.post_message(std::move(message)).error().code(), EPIPE);
  ASSERT_TRUE(channel.port1.post_message(1));
  turns();
  EXPECT_EQ(heard, 1);
  ASSERT_TRUE(carrier.port1.post_message(std::move(message)));
}

TEST_F(PortTransferTest, MovedFromAndClosedThingsCannotTravel) {
  EXPECT_EQ(carrier.port1.post_message(MessagePort()).error().code(), EINVAL);
  EXPECT_EQ(carrier.port1.post_message(Fd()).error().code(), EINVAL);
  EXPECT_EQ(carrier.port1.post_message(Value::array(1, Fd())).error().code(), EINVAL);
  EXPECT_FALSE(carrier.port2.try_receive());
}

TEST_F(PortTransferTest, AMessageThatIsTooDeepIsRefused) {
  Value message(std::move(channel.port2));
  for (int level = 0; level < 100; ++level) message = Value::array(std::move(message));
  EXPECT_EQ(carrier.port1.post_message(std::move(message)).error().code(), EINVAL);
  EXPECT_TRUE(message.is_array());
}

TEST_F(PortTransferTest, APortWhoseOtherEndIsClosedTravelsWithItsLastMessages) {
  ASSERT_TRUE(channel.port1.post_message(1));
  channel.port1.close();
  ASSERT_TRUE(carrier.port1.post_message(std::move(channel.port2)));
  MessagePort arrived = port_in(carrier.port2.try_receive());
  std::vector<int> heard;
  arrived.on_message([&heard](int number) { heard.push_back(number); });
  arrived.on_close([&heard] { heard.push_back(-2); });
  turns();
  EXPECT_EQ(heard, (std::vector<int>{1, -2}));
}

TEST_F(PortTransferTest, RingsOfPortsAreRefused) {
  // a's queue would hold b2, whose queue holds a2: nobody could ever read either.
  MessageChannel a;
  MessageChannel b;
  ASSERT_TRUE(b.port1.post_message(std::move(a.port2)));  // into b2's queue
  Value last(std::move(b.port2));
  EXPECT_EQ(a.port1.post_message(std::move(last)).error().code(), EINVAL);
  EXPECT_TRUE(last.is_port());
  // Taken out again, there is no ring any more.
  MessagePort a2 = port_in(last.as_port().try_receive());
  ASSERT_TRUE(a.port1.post_message(std::move(last)));
  EXPECT_TRUE(port_in(a2.try_receive()));
}

TEST_F(PortTransferTest, LongerRingsAreRefusedToo) {
  MessageChannel a;
  MessageChannel b;
  MessageChannel c;
  ASSERT_TRUE(b.port1.post_message(std::move(a.port2)));
  ASSERT_TRUE(c.port1.post_message(Value::array(std::move(b.port2))));
  EXPECT_EQ(a.port1.post_message(Value::array(1, std::move(c.port2))).error().code(), EINVAL);
}

TEST_F(PortTransferTest, APortThatDiesInAQueueClosesItsChannel) {
  bool closed = false;
  channel.port1.on_message([](Value) {});
  channel.port1.on_close([&closed] { closed = true; });
  ASSERT_TRUE(carrier.port1.post_message(Value::array(std::move(channel.port2), 1)));
  carrier.port2 = MessagePort();
  turns();
  EXPECT_TRUE(closed);
}

TEST_F(PortTransferTest, AQueueOfAQueueIsFreedWithBoth) {
  MessageChannel a;
  ASSERT_TRUE(channel.port1.post_message(std::move(a.port2)));
  ASSERT_TRUE(a.port1.post_message("inside"));
  ASSERT_TRUE(carrier.port1.post_message(std::move(channel.port2)));
  carrier = MessageChannel();
  EXPECT_EQ(a.port1.post_message(1).error().code(), EPIPE);
}

TEST_F(PortTransferTest, AHundredThousandQueuesInEachOtherAreFreedWithoutAStack) {
  MessagePort outermost = std::move(channel.port2);
  for (int depth = 0; depth < 100'000; ++depth) {
    MessageChannel around;
    ASSERT_TRUE(around.port1.post_message(std::move(outermost)));
    outermost = std::move(around.port2);
  }
  bool closed = false;
  channel.port1.on_close([&closed] { closed = true; });
  outermost = MessagePort();
  turns();
  EXPECT_TRUE(closed) << "the innermost, too";
}

TEST_F(PortTransferTest, APortWithAnEndHandlerLeavesItBehind) {
  channel.port2.on_close([kept = Counted()] { FAIL() << "it has left"; });
  ASSERT_TRUE(carrier.port1.post_message(std::move(channel.port2)));
  MessagePort arrived = port_in(carrier.port2.try_receive());
  channel.port1.close();
  turns();
}

TEST_F(PortTransferTest, APortThatWandersWhileMessagesComeKeepsThemAllInOrder) {
  constexpr int count = 20'000;
  constexpr int stations = 2;
  // Each thread takes a few messages, then posts the port to the next, round and round.
  struct Station {
    MessagePort in;
    MessagePort out;
  };
  Station places[stations];
  for (int index = 0; index < stations; ++index) {
    MessageChannel link;
    places[index].out = std::move(link.port1);
    places[(index + 1) % stations].in = std::move(link.port2);
  }
  int next = 0;  // of whoever has the port
  std::atomic<int> faults{0};
  std::atomic<bool> done{false};
  {
    LoopThread threads[stations];
    for (int index = 0; index < stations; ++index) {
      threads[index].spawn([&, &place = places[index]]() -> Task<> {
        while (auto port = co_await place.in.receive<MessagePort>()) {
          for (int taken = 0; taken < 7; ++taken) {
            std::optional<Value> message;
            if (taken % 2 == 0) {
              auto received = co_await port->receive();
              message = std::move(received);
            } else {
              message = port->try_receive();
            }
            if (!message) continue;
            if (message->as_integer() != next++) ++faults;
            if (next == count) {
              done = true;
              break;
            }
          }
          if (done || !place.out.post_message(std::move(*port))) break;
        }
        place.in.close();
        place.out.close();
      });
    }
    ASSERT_TRUE(places[0].out.post_message(std::move(channel.port2)));
    for (int number = 0; number < count; ++number) {
      ASSERT_TRUE(channel.port1.post_message(number));
    }
    EXPECT_TRUE(eventually([&done] { return done.load(); }));
  }
  EXPECT_EQ(faults, 0);
}

TEST_F(PortTransferTest, TransfersAndClosesRaceHarmlessly) {
  // Three threads pass ports through each other's queues, which close in between.
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  MessageChannel links[3];
  for (int index = 0; index < 3; ++index) {
    threads.emplace_back([&ended, out = std::move(links[index].port1),
                          in = std::move(links[(index + 1) % 3].port2), index]() mutable {
      for (int round = 0; round < 2000; ++round) {
        MessageChannel fresh;
        (void)out.post_message(Value::array(std::move(fresh.port1), round));
        (void)fresh.port2.post_message("hello");
        if (round % 3 == index) (void)out.post_message(std::move(fresh.port2));
        while (std::optional<Value> message = in.try_receive()) {
          if (message->is_port()) {
            (void)out.post_message(std::move(*message));  // on to the next
            break;
          }
          (void)message->as_array()[0].as_port().post_message(Value::array(1));
        }
        if (round == 1500 && index == 1) in.close();
      }
      ++ended;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ended, 3);
}

}  // namespace
}  // namespace brigade
