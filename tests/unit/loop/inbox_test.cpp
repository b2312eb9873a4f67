// What other threads hand to a loop, and what it costs them.
#include <gtest/gtest.h>
#include <brigade/loop.hpp>
#include <brigade/sleep.hpp>
#include "support/counted.hpp"
#include "support/fake_loop.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace brigade {
namespace {

using testing_support::Counted;
using testing_support::FakeLoop;

class InboxTest : public testing_support::NothingLeft {};

// How much was written to an eventfd that nobody reads.
std::uint64_t writes_to(int fd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(fd));
  for (std::string word; info >> word;) {
    if (word != "eventfd-count:") continue;
    info >> word;
    return std::stoull(word, nullptr, 16);
  }
  ADD_FAILURE() << "descriptor " << fd << " is no eventfd";
  return 0;
}

struct Note final : detail::InboxNode {
  Note(std::vector<int>& to, int what) : out(to), name(what) {}
  void on_delivered() override { out.push_back(name); }
  std::vector<int>& out;
  int name;
};

struct Later final : detail::ReadyNode {
  explicit Later(std::function<void()> what) : function(std::move(what)) {}
  void on_ready() override { function(); }
  std::function<void()> function;
};

TEST_F(InboxTest, BurstFromFourThreadsArrivesWholeAndInEachThreadsOrder) {
  constexpr int threads = 4;
  constexpr int posts = 10'000;
  Loop loop;
  std::array<std::vector<int>, threads> got;
  int left = threads * posts;
  std::vector<std::thread> posters;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    posters.emplace_back([&, thread] {
      for (int i = 0; i < posts; ++i) {
        loop.post([&, thread, i] {
          got[thread].push_back(i);
          if (--left == 0) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (std::thread& poster : posters) poster.join();
  for (const auto& each : got) {
    ASSERT_EQ(each.size(), static_cast<std::size_t>(posts));
    for (int i = 0; i < posts; ++i) ASSERT_EQ(each[static_cast<std::size_t>(i)], i);
  }
}

TEST_F(InboxTest, EachPostToASleepingLoopWakesIt) {
  // One at a time, so that the loop is asleep, or about to be, for each.
  Loop loop;
  std::atomic<int> arrived{0};
  std::thread poster([&] {
    for (int i = 0; i < 3000; ++i) {
      loop.post([&] { ++arrived; });
      while (arrived.load() <= i) std::this_thread::yield();
    }
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  poster.join();
  EXPECT_EQ(arrived, 3000);
}

TEST_F(InboxTest, BurstToASleepingLoopCostsOneWrite) {
  FakeLoop fake;
  int arrived = 0;
  fake.poller->in_next_wait = [&] {
    for (int i = 0; i < 100; ++i) fake.loop.post([&] { ++arrived; });
  };
  fake.loop.turn(true);
  EXPECT_EQ(arrived, 100);
  EXPECT_EQ(writes_to(fake.poller->wake_fd), 1U);
}

TEST_F(InboxTest, PostToALoopThatIsAwakeCostsNoWrite) {
  FakeLoop fake;
  int arrived = 0;
  Later post([&] {
    for (int i = 0; i < 100; ++i) fake.loop.post([&] { ++arrived; });
  });
  fake.loop.run_later(post);
  fake.loop.turn(false);
  fake.loop.turn(true);
  EXPECT_EQ(arrived, 100);
  EXPECT_EQ(writes_to(fake.poller->wake_fd), 0U);
  EXPECT_EQ(fake.poller->timeouts.back(), 0);
}

TEST_F(InboxTest, FunctionThatPostsItselfLetsTheLoopTurnInBetween) {
  FakeLoop fake;
  int runs = 0;
  std::function<void()> again = [&] {
    if (++runs < 5) fake.loop.post(again);
  };
  fake.loop.post(again);
  fake.loop.turn(true);
  EXPECT_EQ(runs, 1);
  while (runs < 5) fake.loop.turn(true);
}

TEST_F(InboxTest, WithdrawnNodeIsNotDelivered) {
  FakeLoop fake;
  std::vector<int> got;
  Note first(got, 1);
  Note second(got, 2);
  Note third(got, 3);
  for (Note* each : {&first, &second, &third}) fake.loop.deliver(*each);
  fake.loop.withdraw(second);
  fake.loop.turn(true);
  EXPECT_EQ(got, (std::vector<int>{1, 3}));
}

TEST_F(InboxTest, LastNodeMayBeWithdrawnAndOthersFollow) {
  FakeLoop fake;
  std::vector<int> got;
  Note first(got, 1);
  Note second(got, 2);
  Note third(got, 3);
  fake.loop.deliver(first);
  fake.loop.deliver(second);
  fake.loop.withdraw(second);
  fake.loop.deliver(third);
  fake.loop.turn(true);
  EXPECT_EQ(got, (std::vector<int>{1, 3}));
}

TEST_F(InboxTest, MailBesideAWithdrawnNodeIsNotSleptOver) {
  FakeLoop fake;
  std::vector<int> got;
  Note withdrawn(got, 1);
  Note other(got, 2);
  Later at_the_turns_end([&] {
    fake.loop.deliver(withdrawn);
    fake.loop.deliver(other);
    fake.loop.withdraw(withdrawn);
  });
  fake.loop.run_later(at_the_turns_end);
  fake.loop.turn(false);
  fake.loop.turn(true);
  EXPECT_EQ(got, std::vector<int>{2});
  EXPECT_EQ(fake.poller->timeouts.back(), 0);
}

TEST_F(InboxTest, NodeMayWithdrawAnotherOfTheSameMail) {
  struct Withdrawer final : detail::InboxNode {
    void on_delivered() override { Loop::current().withdraw(*victim); }
    InboxNode* victim = nullptr;
  };
  FakeLoop fake;
  std::vector<int> got;
  Withdrawer first;
  Note second(got, 2);
  Note third(got, 3);
  first.victim = &second;
  fake.loop.deliver(first);
  fake.loop.deliver(second);
  fake.loop.deliver(third);
  fake.loop.turn(true);
  EXPECT_EQ(got, std::vector<int>{3});
}

TEST_F(InboxTest, FunctionPostedBeforeTheLoopEndsIsRunAndWhatItPostsIsOnlyDestroyed) {
  bool first = false;
  bool second = false;
  {
    Loop loop;
    loop.post([&, kept = Counted()] {
      first = kept.intact();
      loop.post([&, inner = Counted()] { second = inner.intact(); });
    });
  }
  EXPECT_TRUE(first);
  EXPECT_FALSE(second);
}

TEST_F(InboxTest, PostMayEndTheLoopThatItIsStillWaking) {
  // The loop wakes for another event, finds the mail, runs it and is destroyed. Relaxed on purpose:
  // nothing but the loop's own care orders its end after the poster's write.
  struct Other final : Watcher {
    void on_event(std::uint32_t) override {}
  } other;
  std::thread poster;
  {
    FakeLoop fake;
    fake.poller->script(other, EPOLLIN);
    std::atomic<bool> posted{false};
    fake.poller->in_next_wait = [&] {
      poster = std::thread([&] {
        fake.loop.post([&] { fake.loop.stop(); });
        posted.store(true, std::memory_order_relaxed);
      });
      while (!posted.load(std::memory_order_relaxed)) std::this_thread::yield();
    };
    fake.loop.run();
  }
  poster.join();
}

TEST_F(InboxTest, LoopsThatEndWithTheirMailRaceWithTheirPosters) {
  for (int i = 0; i < 500; ++i) {
    auto loop = std::make_unique<Loop>();
    std::thread poster([target = loop.get()] { target->post([target] { target->stop(); }); });
    loop->run();
    loop.reset();
    poster.join();
  }
}

}  // namespace
}  // namespace brigade
