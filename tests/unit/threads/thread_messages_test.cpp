// Posting to a thread by its id.
#include <gtest/gtest.h>
#include <brigade/message_port.hpp>
#include <brigade/sleep.hpp>
#include <brigade/this_thread.hpp>
#include <brigade/thread_messages.hpp>
#include "support/blocker.hpp"
#include "support/counted.hpp"
#include "support/loop_thread.hpp"
#include "support/patience.hpp"
#include "support/root.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace brigade::threads {
namespace {

using namespace std::chrono_literals;
using testing_support::Blocker;
using testing_support::eventually;
using testing_support::LoopThread;
using testing_support::Root;

class ThreadMessagesTest : public testing_support::NothingLeft {
 protected:
  PostOutcome post(std::uint32_t id, Value message = {}, Duration timeout = Duration::max()) {
    return loop.run(send(id, std::move(message), timeout));
  }
  static Task<PostOutcome> send(std::uint32_t id, Value message, Duration timeout) {
    auto outcome = co_await post_to_thread(id, std::move(message), timeout);
    co_return outcome;
  }
  void run_until_done(const Root& root) {
    while (!root.done()) loop.turn(true);
  }

  Loop loop;
};

TEST_F(ThreadMessagesTest, TheListenerHasRunWhenTheWaitEnds) {
  LoopThread thread(LoopThread::Kind::worker);
  std::string heard;
  std::uint32_t from = 99;
  thread.run([&] {
    on_thread_message([&](std::string text, std::uint32_t source) {
      heard = std::move(text);
      from = source;
    });
  });
  EXPECT_EQ(post(thread.id(), "hello"), PostOutcome::delivered);
  EXPECT_EQ(heard, "hello");
  EXPECT_EQ(from, 0U);
}

TEST_F(ThreadMessagesTest, AnUnknownThreadHasNoListener) {
  EXPECT_EQ(post(4'000'000'000U), PostOutcome::no_listener);
}

TEST_F(ThreadMessagesTest, AThreadWithoutAListenerIsToldApartFromNone) {
  LoopThread thread(LoopThread::Kind::worker);
  EXPECT_EQ(post(thread.id()), PostOutcome::no_listener);
  thread.run([] { on_thread_message([](Value, std::uint32_t) {}); });
  EXPECT_EQ(post(thread.id()), PostOutcome::delivered);
  thread.run([] { on_thread_message(nullptr); });
  EXPECT_EQ(post(thread.id()), PostOutcome::no_listener);
}

TEST_F(ThreadMessagesTest, ToItselfIsRefused) {
  on_thread_message([](Value, std::uint32_t) { FAIL(); });
  EXPECT_EQ(post(0), PostOutcome::same_thread);
  on_thread_message(nullptr);
  EXPECT_EQ(post(0), PostOutcome::same_thread) << "listener or not";
}

TEST_F(ThreadMessagesTest, AListenerThatThrowsIsAnErrorForTheSenderOnly) {
  LoopThread thread(LoopThread::Kind::worker);
  thread.run([] {
    on_thread_message([](bool throws_exception, std::uint32_t) {
      if (throws_exception) throw std::runtime_error("no");
      throw 1;
    });
  });
  EXPECT_EQ(post(thread.id(), true), PostOutcome::errored);
  EXPECT_EQ(post(thread.id(), false), PostOutcome::errored);
  EXPECT_EQ(post(thread.id(), "not a bool"), PostOutcome::errored);
}

TEST_F(ThreadMessagesTest, ABlockedThreadTimesOutAndNeverSeesTheMessage) {
  LoopThread thread(LoopThread::Kind::worker);
  Blocker blocker;
  std::vector<std::string> heard;
  thread.run([&] {
    on_thread_message(
        [&heard](std::string text, std::uint32_t) { heard.push_back(std::move(text)); });
  });
  thread.loop().post([&blocker] { blocker.block(); });
  blocker.wait_until_begun();
  EXPECT_EQ(post(thread.id(), "late", 5ms), PostOutcome::timed_out);
  blocker.let_go();
  EXPECT_EQ(post(thread.id(), "next", 20s), PostOutcome::delivered);
  EXPECT_EQ(heard, std::vector<std::string>{"next"});
}

TEST_F(ThreadMessagesTest, AListenerThatRunsForLongTimesOutAndEndsInPeace) {
  LoopThread thread(LoopThread::Kind::worker);
  Blocker blocker;
  thread.run(
      [&blocker] { on_thread_message([&blocker](Value, std::uint32_t) { blocker.block(); }); });
  EXPECT_EQ(post(thread.id(), {}, 5ms), PostOutcome::timed_out);
  blocker.wait_until_begun();
  blocker.let_go();
  EXPECT_TRUE(eventually([&blocker] { return blocker.ended(); }));
}

Task<> post_and_note(std::uint32_t id, PostOutcome& into) {
  auto outcome = co_await post_to_thread(id, 1);
  into = outcome;
}

TEST_F(ThreadMessagesTest, AListenerThatIsRemovedMeanwhileIsNone) {
  LoopThread thread(LoopThread::Kind::worker);
  Blocker blocker;
  thread.run([] { on_thread_message([](Value, std::uint32_t) { FAIL() << "removed"; }); });
  thread.loop().post([&blocker] {
    blocker.block();
    on_thread_message(nullptr);
  });
  blocker.wait_until_begun();
  PostOutcome outcome{};
  Root root(post_and_note(thread.id(), outcome));
  root.start();
  EXPECT_FALSE(root.done());
  blocker.let_go();
  run_until_done(root);
  EXPECT_EQ(outcome, PostOutcome::no_listener);
}

TEST_F(ThreadMessagesTest, AThreadThatEndsMeanwhileHasNoListener) {
  std::promise<std::uint32_t> listening;
  std::promise<void> posted;
  std::thread dies([&] {
    detail::ThreadContext context;
    context.id = detail::next_thread_id();
    detail::set_worker_context(&context);
    {
      Loop own;  // and never looks at its inbox
      on_thread_message([](Value, std::uint32_t) { FAIL() << "it has ended"; });
      listening.set_value(context.id);
      posted.get_future().wait();
    }
    detail::set_worker_context(nullptr);
  });
  const std::uint32_t id = listening.get_future().get();
  PostOutcome outcome{};
  Root root(post_and_note(id, outcome));
  root.start();
  EXPECT_FALSE(root.done());
  posted.set_value();
  run_until_done(root);
  dies.join();
  EXPECT_EQ(outcome, PostOutcome::no_listener);
  EXPECT_EQ(post(id), PostOutcome::no_listener);
}

TEST_F(ThreadMessagesTest, TheMainThreadListensUnderZeroAndWorkersPostToEachOther) {
  std::vector<std::uint32_t> sources;
  on_thread_message([&sources](Value, std::uint32_t source) { sources.push_back(source); });
  LoopThread one(LoopThread::Kind::worker);
  LoopThread two(LoopThread::Kind::worker);
  two.run([] { on_thread_message([](Value, std::uint32_t) {}); });
  std::atomic<int> done{0};
  one.spawn([&done, id = two.id()]() -> Task<> {
    auto to_main = co_await post_to_thread(0, 1);
    auto to_two = co_await post_to_thread(id, 1);
    EXPECT_EQ(to_main, PostOutcome::delivered);
    EXPECT_EQ(to_two, PostOutcome::delivered);
    done = 1;
  });
  while (done == 0) loop.turn(false);
  EXPECT_EQ(sources, std::vector<std::uint32_t>{one.id()});
  on_thread_message(nullptr);
}

TEST_F(ThreadMessagesTest, MessagesOfOneSenderArriveInOrder) {
  LoopThread thread(LoopThread::Kind::worker);
  std::vector<int> heard;
  thread.run([&heard] {
    on_thread_message([&heard](int number, std::uint32_t) { heard.push_back(number); });
  });
  TaskGroup group;
  std::vector<int> expected;
  for (int number = 0; number < 1000; ++number) {
    expected.push_back(number);
    group.spawn([](std::uint32_t id, int which) -> Task<> {
      auto outcome = co_await post_to_thread(id, which);
      EXPECT_EQ(outcome, PostOutcome::delivered);
    }(thread.id(), number));
  }
  loop.run([](TaskGroup& all) -> Task<> { co_await all.join(); }(group));
  EXPECT_EQ(heard, expected);
}

TEST_F(ThreadMessagesTest, APortTravelsWithTheMessage) {
  LoopThread thread(LoopThread::Kind::worker);
  thread.run([] {
    on_thread_message(
        [](MessagePort port, std::uint32_t) { ASSERT_TRUE(port.post_message("from over there")); });
  });
  MessageChannel channel;
  channel.port2.on_message([](Value) { FAIL() << "it has left this thread"; });
  EXPECT_EQ(post(thread.id(), std::move(channel.port2)), PostOutcome::delivered);
  EXPECT_EQ(loop.refs(), 0U);
  const auto answer = channel.port1.receive_sync(20s);
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, Value("from over there"));
}

TEST_F(ThreadMessagesTest, AMessageThatCannotTravelIsAnException) {
  LoopThread thread(LoopThread::Kind::worker);
  thread.run([] { on_thread_message([](Value, std::uint32_t) { FAIL(); }); });
  EXPECT_THROW(post(thread.id(), Value::array(MessagePort())), MessageError);
}

TEST_F(ThreadMessagesTest, AListenerMayReplaceAndRemoveItself) {
  LoopThread thread(LoopThread::Kind::worker);
  thread.run([] {
    on_thread_message([kept = testing_support::Counted()](Value, std::uint32_t) {
      on_thread_message([](Value, std::uint32_t) { on_thread_message(nullptr); });
      EXPECT_TRUE(kept.intact());
    });
  });
  EXPECT_EQ(post(thread.id()), PostOutcome::delivered);
  EXPECT_EQ(post(thread.id()), PostOutcome::delivered);
  EXPECT_EQ(post(thread.id()), PostOutcome::no_listener);
}

TEST_F(ThreadMessagesTest, AListenerDoesNotKeepTheLoopAlive) {
  on_thread_message([](Value, std::uint32_t) {});
  loop.run_until_idle();
  on_thread_message(nullptr);
}

TEST_F(ThreadMessagesTest, OtherThreadsHaveNoIdToListenUnder) {
  LoopThread plain;
  plain.run([] { EXPECT_THROW(on_thread_message([](Value, std::uint32_t) {}), std::logic_error); });
}

TEST_F(ThreadMessagesTest, TheWaitMayBeCancelledOrDestroyedAtAnyMoment) {
  LoopThread thread(LoopThread::Kind::worker);
  std::atomic<int> heard{0};
  thread.run([&heard] { on_thread_message([&heard](Value, std::uint32_t) { ++heard; }); });
  for (int round = 0; round < 1000; ++round) {
    Root root([](std::uint32_t id) -> Task<> {
      co_await post_to_thread(id, Value::array("a", "b"), 1s);
    }(thread.id()));
    root.start();
    for (volatile int i = 0; i < round % 50 * 100; i = i + 1) {  // each time a bit longer
    }
    if (round % 3 == 0) loop.turn(false);
    if (round % 2 == 0) {
      root.destroy();
    } else {
      root.cancel();
      run_until_done(root);
    }
  }
  EXPECT_EQ(post(thread.id()), PostOutcome::delivered);
}

}  // namespace
}  // namespace brigade::threads
