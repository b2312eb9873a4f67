// The queue under ports and channels, and the pump that empties it.
#include <gtest/gtest.h>
#include <brigade/mailbox.hpp>
#include "support/fake_loop.hpp"
#include "support/loop_thread.hpp"
#include "support/patience.hpp"

#include <functional>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace brigade::detail {
namespace {

using testing_support::FakeLoop;
using testing_support::LoopThread;

Mailbox::Put put(Mailbox& mailbox, int number) {
  return mailbox.put(Envelope{.value = Value(number)});
}
Mailbox::Put put_end(Mailbox& mailbox) {
  return mailbox.put(Envelope{.kind = Envelope::end});
}
// -1 for nothing, -2 for the end.
int take(Mailbox& mailbox) {
  Envelope envelope;
  if (!mailbox.take(envelope)) return -1;
  if (envelope.kind == Envelope::end) return -2;
  return static_cast<int>(envelope.value.as_integer());
}

struct Told final : MailListener {
  void on_mail() override { ++mail; }
  void on_reader_gone() override { ++gone; }
  int mail = 0;
  int gone = 0;
};

TEST(MailboxTest, GivesBackWhatWasPutInThatOrder) {
  Mailbox mailbox;
  for (int number = 0; number < 10'000; ++number) {
    ASSERT_EQ(put(mailbox, number), Mailbox::Put::done);
  }
  EXPECT_EQ(mailbox.waiting(), 10'000U);
  for (int number = 0; number < 10'000; ++number) ASSERT_EQ(take(mailbox), number);
  EXPECT_EQ(take(mailbox), -1);
  EXPECT_EQ(mailbox.waiting(), 0U);
}

TEST(MailboxTest, TheEndComesAfterWhatWasPutBeforeIt) {
  Mailbox mailbox;
  put(mailbox, 1);
  EXPECT_EQ(put_end(mailbox), Mailbox::Put::done);
  EXPECT_EQ(put(mailbox, 2), Mailbox::Put::closed);
  EXPECT_EQ(put_end(mailbox), Mailbox::Put::closed) << "there is one end";
  EXPECT_EQ(take(mailbox), 1);
  EXPECT_FALSE(mailbox.ended());
  EXPECT_EQ(take(mailbox), -2);
  EXPECT_TRUE(mailbox.ended());
}

TEST(MailboxTest, TheOwnersKindsPassBehindTheEnd) {
  Mailbox mailbox;
  put_end(mailbox);
  EXPECT_EQ(mailbox.put(Envelope{.kind = Envelope::first_own}), Mailbox::Put::done);
}

TEST(MailboxTest, AFullOneRefusesMessagesButNoEnd) {
  Mailbox mailbox(2);
  put(mailbox, 1);
  put(mailbox, 2);
  Envelope refused{.value = Value("kept")};
  EXPECT_EQ(mailbox.put(std::move(refused)), Mailbox::Put::full);
  EXPECT_EQ(refused.value, Value("kept"));
  EXPECT_EQ(take(mailbox), 1);
  EXPECT_EQ(put(mailbox, 3), Mailbox::Put::done);
  EXPECT_EQ(put(mailbox, 4), Mailbox::Put::full);
  EXPECT_EQ(put_end(mailbox), Mailbox::Put::done);
}

TEST(MailboxTest, CommitIsCalledOnlyWhenTheEnvelopeGoesIn) {
  Mailbox mailbox(1);
  int commits = 0;
  const std::function<void()> commit = [&commits] { ++commits; };
  mailbox.put(Envelope{}, &commit);
  mailbox.put(Envelope{}, &commit);  // full
  EXPECT_EQ(commits, 1);
  put_end(mailbox);
  mailbox.put(Envelope{}, &commit);  // closed
  EXPECT_EQ(commits, 1);
}

TEST(MailboxTest, WhatIsGivenBackComesNext) {
  Mailbox mailbox(2);
  put(mailbox, 1);
  put(mailbox, 2);
  Envelope envelope;
  ASSERT_TRUE(mailbox.take(envelope));
  mailbox.give_back(std::move(envelope));
  EXPECT_EQ(put(mailbox, 3), Mailbox::Put::full) << "it counts again";
  EXPECT_EQ(take(mailbox), 1);
  EXPECT_EQ(take(mailbox), 2);
}

TEST(MailboxTest, ABurstTellsTheListenerOnce) {
  FakeLoop fake;
  Mailbox mailbox;
  Told told;
  ASSERT_TRUE(mailbox.arm(fake.loop, told));
  for (int number = 0; number < 5; ++number) put(mailbox, number);
  EXPECT_EQ(told.mail, 0) << "on the loop, not from within put()";
  fake.loop.turn(false);
  EXPECT_EQ(told.mail, 1);
  EXPECT_FALSE(mailbox.armed());
  put(mailbox, 5);
  fake.loop.turn(false);
  EXPECT_EQ(told.mail, 1);
}

TEST(MailboxTest, CannotBeArmedWhileThereIsMail) {
  FakeLoop fake;
  Mailbox mailbox;
  Told told;
  put(mailbox, 1);
  put(mailbox, 2);
  EXPECT_FALSE(mailbox.arm(fake.loop, told));
  EXPECT_EQ(take(mailbox), 1);
  EXPECT_FALSE(mailbox.arm(fake.loop, told)) << "one is left in the reader's batch";
}

TEST(MailboxTest, ADisarmedListenerIsNotToldEvenOfWhatIsOnItsWay) {
  FakeLoop fake;
  Mailbox mailbox;
  Told told;
  mailbox.arm(fake.loop, told);
  put(mailbox, 1);
  mailbox.disarm();
  fake.loop.turn(false);
  EXPECT_EQ(told.mail, 0);
  EXPECT_EQ(take(mailbox), 1);
  EXPECT_TRUE(mailbox.arm(fake.loop, told)) << "and it may be armed again";
  mailbox.disarm();
}

TEST(MailboxTest, RingingTellsTheListenerWithOrWithoutMail) {
  FakeLoop fake;
  Mailbox mailbox;
  Told told;
  mailbox.arm_and_ring(fake.loop, told);
  EXPECT_EQ(told.mail, 0);
  fake.loop.turn(false);
  EXPECT_EQ(told.mail, 1);
  mailbox.arm_and_ring(fake.loop, told);
  mailbox.disarm();
  fake.loop.turn(false);
  EXPECT_EQ(told.mail, 1);
}

TEST(MailboxTest, AbandoningTellsTheListenerDropsAllAndRefusesTheRest) {
  FakeLoop fake;
  Mailbox mailbox;
  Told told;
  mailbox.arm(fake.loop, told);
  put(mailbox, 1);
  mailbox.abandon();
  EXPECT_EQ(told.gone, 1);
  EXPECT_EQ(put(mailbox, 2), Mailbox::Put::closed);
  EXPECT_EQ(mailbox.put(Envelope{.kind = Envelope::first_own}), Mailbox::Put::closed);
  EXPECT_EQ(mailbox.waiting(), 0U);
  fake.loop.turn(false);
  EXPECT_EQ(told.mail, 0);
}

TEST(MailboxTest, ReleasingTellsTheListenerAndKeepsAll) {
  FakeLoop fake;
  Mailbox mailbox;
  Told told;
  mailbox.arm(fake.loop, told);
  put(mailbox, 1);
  mailbox.release();
  EXPECT_EQ(told.gone, 1);
  EXPECT_EQ(take(mailbox), 1);
}

TEST(MailboxTest, WaitReturnsWhenAnotherThreadPuts) {
  Mailbox mailbox;
  std::thread sender([&mailbox] { put(mailbox, 7); });
  EXPECT_TRUE(mailbox.wait(monotonic_now() + testing_support::patience));
  EXPECT_EQ(take(mailbox), 7);
  sender.join();
  EXPECT_FALSE(mailbox.wait(monotonic_now() + std::chrono::milliseconds(1)));
}

// What waits for room.
struct Sender final : RoomWaiter {
  explicit Sender(Mailbox& its) : mailbox(its) {}
  void on_delivered() override {
    mailbox.room_was_told(*this);
    ++told;
  }
  Mailbox& mailbox;
  int told = 0;
};

class MailboxRoomTest : public testing::Test {
 protected:
  MailboxRoomTest() { put(mailbox, 1); }
  ~MailboxRoomTest() override {
    for (Sender* each : {&first, &second}) mailbox.stop_waiting_for_room(*each);
  }
  FakeLoop fake;
  Mailbox mailbox{1};
  Sender first{mailbox};
  Sender second{mailbox};
};

TEST_F(MailboxRoomTest, WhoeverWaitsIsToldInOrderOfRoomThatIsMade) {
  ASSERT_TRUE(mailbox.wait_for_room(first, fake.loop));
  ASSERT_TRUE(mailbox.wait_for_room(second, fake.loop));
  EXPECT_EQ(take(mailbox), 1);
  fake.loop.turn(false);
  EXPECT_EQ(first.told, 1);
  EXPECT_EQ(second.told, 0);
  put(mailbox, 2);
  take(mailbox);
  fake.loop.turn(false);
  EXPECT_EQ(second.told, 1);
}

TEST_F(MailboxRoomTest, NobodyWaitsWhereThereIsRoom) {
  take(mailbox);
  EXPECT_FALSE(mailbox.wait_for_room(first, fake.loop));
}

TEST_F(MailboxRoomTest, RoomThatIsNotUsedGoesToTheNext) {
  mailbox.wait_for_room(first, fake.loop);
  mailbox.wait_for_room(second, fake.loop);
  take(mailbox);
  mailbox.stop_waiting_for_room(first);  // it was told, and has not heard it
  fake.loop.turn(false);
  EXPECT_EQ(first.told, 0);
  EXPECT_EQ(second.told, 1);
}

TEST_F(MailboxRoomTest, AnEndTellsAllThatThereWillBeNone) {
  mailbox.wait_for_room(first, fake.loop);
  mailbox.wait_for_room(second, fake.loop);
  put_end(mailbox);
  fake.loop.turn(false);
  EXPECT_EQ(first.told + second.told, 2);
  EXPECT_FALSE(mailbox.wait_for_room(first, fake.loop));
}

TEST_F(MailboxRoomTest, AReaderThatLeavesTellsAll) {
  mailbox.wait_for_room(first, fake.loop);
  mailbox.abandon();
  fake.loop.turn(false);
  EXPECT_EQ(first.told, 1);
}

// What a pump calls.
class Pump final : public MailPump {
 public:
  explicit Pump(std::function<void(int)> function) : function_(std::move(function)) {}
  using MailPump::start;
  using MailPump::stop;

 private:
  void on_envelope(Envelope& envelope) override {
    const auto function = function_;  // this may be destroyed by it
    function(envelope.kind == Envelope::end ? -2 : static_cast<int>(envelope.value.as_integer()));
  }
  std::function<void(int)> function_;
};

TEST(MailPumpTest, HandsOverWhatIsThereAndWhatComesLater) {
  FakeLoop fake;
  Mailbox mailbox;
  std::vector<int> handled;
  Pump pump([&handled](int number) { handled.push_back(number); });
  put(mailbox, 1);
  pump.start(mailbox);
  EXPECT_TRUE(handled.empty()) << "from the loop's next turn on";
  fake.loop.turn(false);
  put(mailbox, 2);
  put_end(mailbox);
  fake.loop.turn(false);
  EXPECT_EQ(handled, (std::vector<int>{1, 2, -2}));
}

TEST(MailPumpTest, AStoppedOneHandlesNothingAndMayGoOn) {
  FakeLoop fake;
  Mailbox mailbox;
  std::vector<int> handled;
  Pump pump([&handled](int number) { handled.push_back(number); });
  pump.start(mailbox);
  fake.loop.turn(false);
  put(mailbox, 1);
  pump.stop();
  fake.loop.turn(false);
  EXPECT_TRUE(handled.empty());
  pump.start(mailbox);
  fake.loop.turn(false);
  EXPECT_EQ(handled, std::vector<int>{1});
}

TEST(MailPumpTest, GivesWayAfterSoManyMessagesPerTurn) {
  FakeLoop fake;
  Mailbox mailbox;
  int handled = 0;
  Pump pump([&handled](int) { ++handled; });
  for (int number = 0; number < 3 * MailPump::messages_per_turn; ++number) put(mailbox, number);
  pump.start(mailbox);
  fake.loop.turn(false);
  EXPECT_EQ(handled, MailPump::messages_per_turn);
  fake.loop.turn(false);
  EXPECT_EQ(handled, 2 * MailPump::messages_per_turn);
}

TEST(MailPumpTest, MayBeStoppedStartedOrDestroyedByItsCallback) {
  FakeLoop fake;
  Mailbox mailbox;
  std::vector<int> handled;
  std::optional<Pump> pump;
  pump.emplace([&](int number) {
    handled.push_back(number);
    if (number == 1) {
      pump->stop();
      pump->start(mailbox);
    }
    if (number == 2) pump.reset();
  });
  for (int number = 1; number <= 3; ++number) put(mailbox, number);
  pump->start(mailbox);
  for (int turn = 0; turn < 4; ++turn) fake.loop.turn(false);
  EXPECT_EQ(handled, (std::vector<int>{1, 2}));
  EXPECT_EQ(fake.loop.refs(), 0U);
  EXPECT_EQ(take(mailbox), 3);
}

TEST(MailPumpTest, WhatItsCallbackThrowsIsThrownByRunAndTheRestIsHandledIfTheLoopGoesOn) {
  FakeLoop fake;
  Mailbox mailbox;
  std::vector<int> handled;
  Pump pump([&](int number) {
    handled.push_back(number);
    if (number == 1) throw std::runtime_error("one");
    fake.loop.stop();
  });
  put(mailbox, 1);
  put(mailbox, 2);
  pump.start(mailbox);
  EXPECT_THROW(fake.loop.run(), std::runtime_error);
  EXPECT_EQ(handled, std::vector<int>{1});
  fake.loop.run();
  EXPECT_EQ(handled, (std::vector<int>{1, 2}));
}

TEST(MailPumpTest, ACallbackThatDestroysItAndThrowsIsHeard) {
  FakeLoop fake;
  Mailbox mailbox;
  std::optional<Pump> pump;
  pump.emplace([&pump](int) {
    pump.reset();
    throw std::runtime_error("last words");
  });
  put(mailbox, 1);
  pump->start(mailbox);
  EXPECT_THROW(fake.loop.run(), std::runtime_error);
}

TEST(MailPumpTest, KeepsItsLoopAliveUntilUnref) {
  FakeLoop fake;
  Mailbox mailbox;
  Pump pump([](int) {});
  EXPECT_FALSE(pump.has_ref());
  pump.start(mailbox);
  EXPECT_TRUE(pump.has_ref());
  EXPECT_EQ(fake.loop.refs(), 1U);
  pump.unref();
  pump.unref();
  EXPECT_EQ(fake.loop.refs(), 0U);
  pump.ref();
  EXPECT_EQ(fake.loop.refs(), 1U);
  pump.stop();
  EXPECT_EQ(fake.loop.refs(), 0U);
}

TEST(MailPumpTest, StopsWhenItsLoopGoesFirst) {
  Mailbox mailbox;
  Pump pump([](int) {});
  {
    FakeLoop fake;
    pump.start(mailbox);
    fake.loop.turn(false);
    put(mailbox, 1);  // on its way when the loop ends
  }
  EXPECT_FALSE(pump.started());
}

TEST(MailPumpTest, HandlesEverythingThatSeveralThreadsPut) {
  constexpr int each = 20'000;
  Mailbox mailbox;
  std::vector<int> next = {0, 0};
  int faults = 0;
  LoopThread reader;
  std::promise<void> done;
  std::optional<Pump> pump;
  reader.run([&] {
    pump.emplace([&](int number) {
      int& expected = next[static_cast<std::size_t>(number / each)];
      if (number % each != expected++) ++faults;
      if (next[0] == each && next[1] == each) done.set_value();
    });
    pump->start(mailbox);
  });
  std::vector<std::thread> senders;
  for (int sender = 0; sender < 2; ++sender) {
    senders.emplace_back([&mailbox, sender] {
      for (int number = 0; number < each; ++number) put(mailbox, sender * each + number);
    });
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(done.get_future().wait_for(testing_support::patience), std::future_status::ready);
  reader.run([&pump] { pump.reset(); });
  EXPECT_EQ(faults, 0);
}

}  // namespace
}  // namespace brigade::detail
