// Sleeping on a shared word, within one process.
#include <brigade/atomics.hpp>
#include <brigade/shared_array.hpp>

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>
#include "shared/stop_word.hpp"
#include "unit/shared/waiters.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace brigade {
namespace {

using namespace std::chrono_literals;
using atomics::WaitResult;
using testing_support::count_waiters;
using testing_support::eventually;
using testing_support::patience;
using testing_support::until_waiting;

class Wait : public testing::Test {
 protected:
  const SharedArray<std::int32_t> array = SharedArray<std::int32_t>::create(2);
  const SharedCell<std::int32_t> cell = array[0];
};

/// A thread that waits on a cell for 0.
class Waiter {
 public:
  explicit Waiter(SharedCell<std::int32_t> cell, Duration timeout = atomics::forever,
                  detail::StopWord* stop = nullptr)
      : cell_(cell), thread_([this, cell, timeout, stop] {
          tid_ = ::gettid();
          detail::set_thread_stop_word(stop);
          result_ = atomics::wait(cell, 0, timeout);
          ended_ = true;
        }) {}
  ~Waiter() {
    if (!thread_.joinable()) return;
    while (!ended_) atomics::notify(cell_);  // left behind by a failed assertion
    thread_.join();
  }

  bool ended() const { return ended_; }
  WaitResult result() {
    thread_.join();
    return result_;
  }
  /// True when the signal has reached it and is not pending any more. (Not: when the handler has
  /// run. ThreadSanitizer puts that off.)
  bool take_signal(int signal) {
    ::pthread_kill(thread_.native_handle(), signal);
    return eventually([this, signal] {
      std::ifstream status("/proc/self/task/" + std::to_string(tid_) + "/status");
      for (std::string word; status >> word;) {
        if (word != "SigPnd:") continue;
        status >> word;
        return (std::stoull(word, nullptr, 16) >> (signal - 1) & 1) == 0;
      }
      return true;  // it has ended
    });
  }

 private:
  SharedCell<std::int32_t> cell_;
  std::atomic<pid_t> tid_{0};
  std::atomic<bool> ended_{false};
  WaitResult result_{};
  std::thread thread_;
};

TEST_F(Wait, ForAnotherValueThanThereIsReturnsNotEqualAtOnce) {
  atomics::store(cell, 5);
  EXPECT_EQ(atomics::wait(cell, 4), WaitResult::not_equal);
  EXPECT_EQ(atomics::wait(cell, 4, 0s), WaitResult::not_equal);
}

TEST_F(Wait, ThatNobodyEndsTimesOut) {
  const TimePoint before = monotonic_now();
  EXPECT_EQ(atomics::wait(cell, 0, 20ms), WaitResult::timed_out);
  EXPECT_GE(monotonic_now() - before, 20ms);
  EXPECT_EQ(atomics::notify(cell), 0);
}

TEST_F(Wait, OfNoOrNegativeTimeTimesOutAtOnce) {
  EXPECT_EQ(atomics::wait(cell, 0, 0s), WaitResult::timed_out);
  EXPECT_EQ(atomics::wait(cell, 0, -1s), WaitResult::timed_out);
  EXPECT_EQ(atomics::wait(cell, 0, Duration::min()), WaitResult::timed_out);
}

TEST_F(Wait, EndsWithANotifyThoughTheValueIsTheSame) {
  Waiter waiter(cell);
  ASSERT_TRUE(until_waiting(cell, 1));
  EXPECT_EQ(atomics::notify(cell), 1);
  EXPECT_EQ(waiter.result(), WaitResult::ok);
}

TEST_F(Wait, GoesOnWhenTheValueIsStoredWithoutANotify) {
  Waiter waiter(cell);
  ASSERT_TRUE(until_waiting(cell, 1));
  for (int value = 1; value < 100; ++value) {
    atomics::store(cell, value);
    atomics::add(cell, 1);
  }
  EXPECT_EQ(count_waiters(cell), 1);
  EXPECT_FALSE(waiter.ended());
  EXPECT_EQ(atomics::notify(cell), 1);
  EXPECT_EQ(waiter.result(), WaitResult::ok);
}

TEST_F(Wait, WithALongTimeoutEndsWithANotify) {
  Waiter hours(cell, 24h * 365 * 200);
  ASSERT_TRUE(until_waiting(cell, 1));
  EXPECT_EQ(atomics::notify(cell), 1);
  EXPECT_EQ(hours.result(), WaitResult::ok);
}

TEST_F(Wait, WorksOnUnsignedCellsAndPlainVariables) {
  std::uint32_t word = 0;
  EXPECT_EQ(atomics::wait(word, 1U), WaitResult::not_equal);
  std::thread other([&word] { EXPECT_EQ(atomics::wait(word, 0U), WaitResult::ok); });
  ASSERT_TRUE(until_waiting(word, 1));
  EXPECT_EQ(atomics::notify(word), 1);
  other.join();
  const auto array32 = SharedArray<std::uint32_t>::create(1);
  EXPECT_EQ(atomics::wait(array32[0], 0U, 1ms), WaitResult::timed_out);
}

TEST_F(Wait, IsEndedInTheOrderOfArrivalByExactlyAsManyAsAsked) {
  constexpr int count = 5;
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (int i = 0; i < count; ++i) {
    waiters.push_back(std::make_unique<Waiter>(cell));
    ASSERT_TRUE(until_waiting(cell, i + 1));
  }
  EXPECT_EQ(atomics::notify(cell, 1), 1);
  EXPECT_EQ(waiters[0]->result(), WaitResult::ok);
  EXPECT_EQ(count_waiters(cell), 4);
  EXPECT_EQ(atomics::notify(cell, 2), 2);
  EXPECT_EQ(waiters[1]->result(), WaitResult::ok);
  EXPECT_EQ(waiters[2]->result(), WaitResult::ok);
  EXPECT_EQ(count_waiters(cell), 2);
  EXPECT_FALSE(waiters[3]->ended());
  EXPECT_FALSE(waiters[4]->ended());
  EXPECT_EQ(atomics::notify(cell), 2);
  EXPECT_EQ(atomics::notify(cell), 0);
}

TEST_F(Wait, IsNotEndedByANotifyOfNobodyOrOfAnotherCell) {
  Waiter waiter(cell);
  ASSERT_TRUE(until_waiting(cell, 1));
  EXPECT_EQ(atomics::notify(cell, 0), 0);
  EXPECT_EQ(atomics::notify(cell, -3), 0);
  EXPECT_EQ(atomics::notify(array[1]), 0);
  EXPECT_EQ(count_waiters(cell), 1);
  EXPECT_FALSE(waiter.ended());
  EXPECT_EQ(atomics::notify(cell, 10), 1);
}

TEST_F(Wait, IsEndedThroughAnotherMappingOfTheSameMemory) {
  const auto other =
      SharedArray<std::int32_t>::over(SharedBuffer::attach(array.buffer().fd().duplicate()).value())
          .value();
  Waiter waiter(cell);
  ASSERT_TRUE(until_waiting(other[0], 1));
  EXPECT_EQ(atomics::notify(other[0]), 1);
  EXPECT_EQ(waiter.result(), WaitResult::ok);
}

class InterruptedBySignals : public Wait {
 protected:
  InterruptedBySignals() {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, &before_);  // without SA_RESTART
  }
  ~InterruptedBySignals() override { ::sigaction(SIGUSR1, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

TEST_F(InterruptedBySignals, GoesOn) {
  for (const bool with_stop_word : {false, true}) {
    detail::StopWord stop;
    Waiter waiter(cell, atomics::forever, with_stop_word ? &stop : nullptr);
    for (int signals = 0; signals < 5; ++signals) {
      ASSERT_TRUE(until_waiting(cell, 1));
      ASSERT_TRUE(waiter.take_signal(SIGUSR1));
    }
    ASSERT_TRUE(until_waiting(cell, 1));
    EXPECT_FALSE(waiter.ended());
    EXPECT_EQ(atomics::notify(cell), 1);
    EXPECT_EQ(waiter.result(), WaitResult::ok);
  }
}

TEST_F(InterruptedBySignals, TimesOutWhenItWouldHave) {
  Waiter waiter(cell, 100ms);
  // Were every signal to start the time anew, this would go on for as long as the signals do.
  EXPECT_TRUE(eventually([&] { return waiter.ended() || !waiter.take_signal(SIGUSR1); }));
  EXPECT_EQ(waiter.result(), WaitResult::timed_out);
}

TEST_F(Wait, IsInterruptedByItsThreadsStopWord) {
  detail::StopWord stop;
  Waiter waiter(cell, atomics::forever, &stop);
  ASSERT_TRUE(until_waiting(cell, 1));
  stop.raise();
  EXPECT_EQ(waiter.result(), WaitResult::interrupted);
  EXPECT_EQ(atomics::notify(cell), 0);
}

TEST_F(Wait, WithAStopWordIsLikeOneWithout) {
  detail::StopWord stop;
  Waiter first(cell, atomics::forever, &stop);
  ASSERT_TRUE(until_waiting(cell, 1));
  Waiter second(cell);
  ASSERT_TRUE(until_waiting(cell, 2));
  EXPECT_EQ(atomics::notify(cell, 1), 1);
  EXPECT_EQ(first.result(), WaitResult::ok);
  EXPECT_FALSE(second.ended());
  EXPECT_EQ(atomics::notify(cell), 1);

  Waiter late(cell, 5ms, &stop);
  EXPECT_EQ(late.result(), WaitResult::timed_out);
  atomics::store(cell, 1);
  Waiter unequal(cell, atomics::forever, &stop);
  EXPECT_EQ(unequal.result(), WaitResult::not_equal);
}

TEST_F(Wait, DoesNotBeginWhileTheStopWordIsRaised) {
  detail::StopWord stop;
  stop.raise();
  EXPECT_EQ(Waiter(cell, atomics::forever, &stop).result(), WaitResult::interrupted);
  atomics::store(cell, 1);
  EXPECT_EQ(Waiter(cell, atomics::forever, &stop).result(), WaitResult::not_equal);
  atomics::store(cell, 0);
  stop.clear();
  EXPECT_EQ(Waiter(cell, 1ms, &stop).result(), WaitResult::timed_out);
}

TEST_F(Wait, InterruptionOfOneThreadLeavesTheOthers) {
  detail::StopWord mine;
  detail::StopWord theirs;
  Waiter first(cell, atomics::forever, &mine);
  Waiter second(cell, atomics::forever, &theirs);
  ASSERT_TRUE(until_waiting(cell, 2));
  mine.raise();
  EXPECT_EQ(first.result(), WaitResult::interrupted);
  EXPECT_FALSE(second.ended());
  EXPECT_EQ(atomics::notify(cell), 1);
  EXPECT_EQ(second.result(), WaitResult::ok);
}

TEST_F(Wait, ThatANotifyCountedIsOkThoughItIsInterruptedAtTheSameTime) {
  for (int round = 0; round < 200; ++round) {
    detail::StopWord stop;
    Waiter waiter(cell, atomics::forever, &stop);
    ASSERT_TRUE(until_waiting(cell, 1));
    stop.raise();
    const int woken = atomics::notify(cell);
    EXPECT_EQ(waiter.result(), woken == 1 ? WaitResult::ok : WaitResult::interrupted);
  }
}

TEST_F(Wait, CountsAgreeUnderLoad) {
  // Every wake that notify reports is an ok of exactly one wait, whatever times out meanwhile.
  std::atomic<int> ok{0};
  std::atomic<int> running{4};
  std::vector<std::thread> waiters;
  for (unsigned seed = 0; seed < 4; ++seed) {
    waiters.emplace_back([&, seed] {
      std::mt19937 random(seed);
      for (int round = 0; round < 500; ++round) {
        const std::chrono::microseconds timeout(random() % 200);
        if (atomics::wait(cell, 0, timeout) == WaitResult::ok) ++ok;
      }
      --running;
    });
  }
  int woken = 0;
  std::mt19937 random(99);
  while (running > 0) {
    woken += atomics::notify(cell, static_cast<int>(random() % 4));
    if (random() % 4 == 0) std::this_thread::yield();
  }
  for (std::thread& each : waiters) each.join();
  EXPECT_EQ(ok, woken);
}

TEST_F(Wait, PassesATurnRoundAndRoundWithoutLosingAWake) {
  constexpr int threads = 3;
  constexpr int turns = 300;
  std::vector<std::thread> players;
  for (int me = 0; me < threads; ++me) {
    players.emplace_back([this, me] {
      for (;;) {
        const int turn = atomics::load(cell);
        if (turn >= turns) return;
        if (turn % threads == me) {
          atomics::store(cell, turn + 1);
          atomics::notify(cell);
        } else {
          EXPECT_NE(atomics::wait(cell, turn, patience), WaitResult::timed_out);
        }
      }
    });
  }
  for (std::thread& each : players) each.join();
  EXPECT_GE(atomics::load(cell), turns);
}

}  // namespace
}  // namespace brigade
