// What is found by name or id, from real worker threads: locks, environment data, messages by id,
// broadcast channels.
#include <gtest/gtest.h>
#include <brigade/broadcast_channel.hpp>
#include <brigade/environment_data.hpp>
#include <brigade/locks.hpp>
#include <brigade/sleep.hpp>
#include <brigade/this_thread.hpp>
#include <brigade/thread_messages.hpp>
#include <brigade/worker_thread.hpp>
#include "support/counted.hpp"

#include <optional>
#include <string>
#include <utility>

namespace brigade::threads {
namespace {

class WorkerNamesTest : public testing_support::NothingLeft {
 protected:
  Loop loop;
};

TEST_F(WorkerNamesTest, ALockOfAWorkerIsFreeWhenItsExitIsHeard) {
  const auto body = []() -> Task<> {
    Worker worker([]() -> Task<> {
      static std::optional<locks::Lock> kept;  // outlives the thread
      kept = co_await locks::request("worker's");
      EXPECT_TRUE(kept->held());
    });
    auto code = co_await worker.exited();
    EXPECT_EQ(code, 0);
    auto lock = co_await locks::request("worker's", {.if_available = true});
    EXPECT_TRUE(lock);
  };
  loop.run(body());
}

TEST_F(WorkerNamesTest, ATerminatedWorkerGivesBackWhatItHeldAndWaitedFor) {
  const auto body = []() -> Task<> {
    auto mine = co_await locks::request("mine");
    Worker worker([]() -> Task<> {
      auto held = co_await locks::request("held");
      EXPECT_TRUE(parent_port().post_message("holds one, waits for the other"));
      auto never = co_await locks::request("mine");
    });
    auto ready = co_await worker.receive();
    EXPECT_TRUE(ready);
    while (locks::query().pending.empty()) co_await yield();
    EXPECT_EQ(locks::query().pending[0].thread, worker.thread_id());
    auto code = co_await worker.terminate();
    EXPECT_EQ(code, 1);
    EXPECT_TRUE(locks::query().pending.empty());
    EXPECT_EQ(locks::query().held.size(), 1U);
  };
  loop.run(body());
}

TEST_F(WorkerNamesTest, AWorkerAndItsOwnWorkersInheritEnvironmentData) {
  ASSERT_TRUE(set_environment_data("names", "inherited"));
  const auto body = []() -> Task<> {
    Worker worker([]() -> Task<int> {
      EXPECT_EQ(get_environment_data<std::string>("names"), "inherited");
      Worker nested([] { return get_environment_data<std::string>("names") ? 7 : 1; });
      auto code = co_await nested.exited();
      co_return code;
    });
    EXPECT_TRUE(set_environment_data("names", "too late"));
    auto code = co_await worker.exited();
    EXPECT_EQ(code, 7);
  };
  loop.run(body());
  ASSERT_TRUE(set_environment_data("names", nullptr));
}

TEST_F(WorkerNamesTest, AMessageReachesAWorkerByItsIdUntilItEnds) {
  const auto body = []() -> Task<> {
    Worker worker([]() -> Task<> {
      std::optional<int> got;
      on_thread_message([&got](int number, std::uint32_t source) {
        EXPECT_EQ(source, 0U);
        got = number;
      });
      EXPECT_TRUE(parent_port().post_message("listens"));
      while (!got) co_await yield();
      EXPECT_EQ(*got, 42);
    });
    auto ready = co_await worker.receive();
    EXPECT_TRUE(ready);
    auto outcome = co_await post_to_thread(worker.thread_id(), 42);
    EXPECT_EQ(outcome, PostOutcome::delivered);
    auto code = co_await worker.exited();
    EXPECT_EQ(code, 0);
    auto later = co_await post_to_thread(worker.thread_id(), 42);
    EXPECT_EQ(later, PostOutcome::no_listener);
  };
  loop.run(body());
}

TEST_F(WorkerNamesTest, AWorkerIsHeardOnABroadcastChannel) {
  const auto body = []() -> Task<> {
    BroadcastChannel channel("worker's news");
    Worker worker([] {
      const BroadcastChannel own("worker's news", {.receives = false});
      EXPECT_TRUE(own.post_message("hello"));
    });
    auto message = co_await channel.receive<std::string>();
    EXPECT_EQ(message, "hello");
    auto code = co_await worker.exited();
    EXPECT_EQ(code, 0);
  };
  loop.run(body());
}

}  // namespace
}  // namespace brigade::threads
