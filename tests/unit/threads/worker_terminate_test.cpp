// Stopping a worker thread from outside, whatever it is doing.
#include <brigade/atomics.hpp>
#include <brigade/task_group.hpp>
#include <brigade/worker_thread.hpp>

#include "unit/shared/waiters.hpp"
#include "unit/threads/worker_support.hpp"

#include <chrono>
#include <memory>
#include <thread>

namespace brigade::threads {
namespace {

using namespace std::chrono_literals;
using testing_support::Heard;
using testing_support::spin_until_stopped;
using testing_support::tell_owner;

class WorkerTerminateTest : public testing_support::WorkerFixture {
 protected:
  /// Terminates a thread with this function once it says that it has begun; what its owner hears.
  template <class Function>
  static std::string heard_of(Function function) {
    Heard heard;
    run([&]() -> Task<> {
      Worker worker(std::move(function));
      heard.listen(worker);
      while (heard.all.size() < 2) co_await yield();
      const int code = co_await worker.terminate();
      EXPECT_EQ(code, 1);
      EXPECT_FALSE(worker.running());
    });
    return heard.text();
  }
};

TEST_F(WorkerTerminateTest, StopsAThreadThatComputesAndLooksAtItsToken) {
  EXPECT_EQ(heard_of([] {
              tell_owner("begun");
              spin_until_stopped();
              tell_owner("seen");
              return 5;
            }),
            "online, \"begun\", \"seen\", exit 1");
}

TEST_F(WorkerTerminateTest, RunsTheThreadsStopCallbacks) {
  std::atomic<bool> called{false};
  EXPECT_EQ(heard_of([&called] {
              const std::stop_callback callback(stop_token(), [&called] { called = true; });
              tell_owner("begun");
              while (!called) std::this_thread::yield();
            }),
            "online, \"begun\", exit 1");
}

TEST_F(WorkerTerminateTest, WakesASleepingTask) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              tell_owner("begun");
              co_await sleep(1h);
              tell_owner("never");
            }),
            "online, \"begun\", exit 1");
}

TEST_F(WorkerTerminateTest, LetsATaskCleanUpButNotAwaitAgain) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              tell_owner("begun");
              try {
                co_await sleep(1h);
              } catch (const Cancelled& cancelled) {
                tell_owner(cancelled.what());
              }
              co_await sleep(1h);
              tell_owner("never");
            }),
            "online, \"begun\", \"cancelled\", exit 1");
}

TEST_F(WorkerTerminateTest, WakesAReceive) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              tell_owner("begun");
              co_await parent_port().receive();
              tell_owner("never");
            }),
            "online, \"begun\", exit 1");
}

TEST_F(WorkerTerminateTest, WakesABlockingReceive) {
  EXPECT_EQ(heard_of([] {
              tell_owner("begun");
              const auto message = parent_port().receive_sync();
              tell_owner(message.has_value());
            }),
            "online, \"begun\", false, exit 1");
}

TEST_F(WorkerTerminateTest, WakesAWaitOnASharedWord) {
  std::int32_t word = 0;
  EXPECT_EQ(heard_of([&word] {
              tell_owner("begun");
              tell_owner(atomics::to_string(atomics::wait(word, 0)));
              tell_owner(atomics::to_string(atomics::wait(word, 0)));  // and all later ones
            }),
            "online, \"begun\", \"interrupted\", \"interrupted\", exit 1");
}

TEST_F(WorkerTerminateTest, WakesAThreadThatHasBeenWaitingForLong) {
  std::int32_t word = 0;
  run([&]() -> Task<> {
    Worker worker([&word] { atomics::wait(word, 0); });
    while (testing_support::count_waiters(word) == 0) co_await sleep(1ms);
    EXPECT_EQ(co_await worker.terminate(), 1);
  });
}

TEST_F(WorkerTerminateTest, StopsAThreadThatOnlyAHandlerKeepsAlive) {
  EXPECT_EQ(heard_of([] {
              parent_port().on_message([](Value) {});
              tell_owner("begun");
            }),
            "online, \"begun\", exit 1");
}

TEST_F(WorkerTerminateTest, StopsAThreadWhoseTasksAreInAGroup) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              TaskGroup group;
              for (int i = 0; i < 3; ++i) {
                group.spawn([]() -> Task<> {
                  try {
                    co_await sleep(1h);
                  } catch (const Cancelled&) {
                    tell_owner("task");
                    throw;
                  }
                }());
              }
              tell_owner("begun");
              co_await group.join();
            }),
            "online, \"begun\", \"task\", \"task\", \"task\", exit 1");
}

TEST_F(WorkerTerminateTest, StopsAnEndlessChainOfReadyAwaits) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              tell_owner("begun");
              while (true) co_await yield();
            }),
            "online, \"begun\", exit 1");
}

TEST_F(WorkerTerminateTest, TellsTheErrorOfAThreadThatFailsOnItsWayOut) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              tell_owner("begun");
              try {
                co_await sleep(1h);
              } catch (const Cancelled&) {
                throw std::runtime_error("clean-up");
              }
            }),
            "online, \"begun\", error clean-up, exit 1");
}

TEST_F(WorkerTerminateTest, RunsNoExitHooksAndHeedsNoExitCode) {
  EXPECT_EQ(heard_of([] {
              at_exit([](int& code) {
                tell_owner("hook");
                code = 0;
              });
              tell_owner("begun");
              spin_until_stopped();
              exit(7);
            }),
            "online, \"begun\", exit 1");
}

TEST_F(WorkerTerminateTest, ComesInTimeForAThreadThatIsNotOnlineYet) {
  // Some of these are asked before their first instruction, some a little later.
  run([&]() -> Task<> {
    for (int round = 0; round < 100; ++round) {
      Worker worker([]() -> Task<> { co_await sleep(1h); });
      for (int spin = 0; spin < round * 20; ++spin)
        std::atomic_signal_fence(std::memory_order_seq_cst);
      EXPECT_EQ(co_await worker.terminate(), 1);
    }
  });
}

TEST_F(WorkerTerminateTest, MayBeAskedTwice) {
  run([&]() -> Task<> {
    Worker worker([]() -> Task<> { co_await sleep(1h); });
    worker.terminate();
    EXPECT_EQ(co_await worker.terminate(), 1);
    EXPECT_EQ(co_await worker.terminate(), 1);
  });
}

TEST_F(WorkerTerminateTest, ChangesNothingOnceTheThreadHasEnded) {
  run([&]() -> Task<> {
    Worker worker([] { return 6; });
    EXPECT_EQ(co_await worker.exited(), 6);
    EXPECT_EQ(co_await worker.terminate(), 6);
    EXPECT_FALSE(worker.has_ref());
  });
}

TEST_F(WorkerTerminateTest, IsSeenToItsEndAlsoWhenUnreferenced) {
  Loop loop;
  Heard heard;
  Worker worker([] {
    tell_owner("begun");
    spin_until_stopped();
  });
  heard.listen(worker);
  worker.unref();
  while (heard.all.size() < 2) loop.turn(true);
  worker.terminate();
  EXPECT_TRUE(worker.has_ref());
  loop.run_until_idle();
  EXPECT_EQ(heard.text(), "online, \"begun\", exit 1");
}

TEST_F(WorkerTerminateTest, NeedsNobodyToAwaitIt) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker([]() -> Task<> { co_await sleep(1h); });
    heard.listen(worker);
    worker.terminate();
    while (worker.running()) co_await yield();
  });
  EXPECT_EQ(heard.text(), "online, exit 1");
}

TEST_F(WorkerTerminateTest, OfAThreadThatNeverStartedTellsItsError) {
#ifdef BRIGADE_SANITIZED
  GTEST_SKIP() << "a sanitizer reports the failed mapping itself";
#endif
  run([&]() -> Task<> {
    Heard heard;
    Worker worker([] {}, {.stack_size = std::size_t{1} << 46});
    heard.listen_for_error(worker);
    EXPECT_EQ(co_await worker.terminate(), 1);
    EXPECT_EQ(heard.all.size(), 1U);
  });
}

TEST_F(WorkerTerminateTest, OfTenThreadsAtOnceEndsThemAll) {
  run([&]() -> Task<> {
    std::vector<Worker> workers;
    int exits = 0;
    for (int i = 0; i < 10; ++i) {
      workers.emplace_back([] { spin_until_stopped(); });
      workers.back().on_exit([&exits](int) { ++exits; });
    }
    for (Worker& worker : workers) worker.terminate();
    for (Worker& worker : workers) co_await worker.exited();
    EXPECT_EQ(exits, 10);
  });
}

}  // namespace
}  // namespace brigade::threads
