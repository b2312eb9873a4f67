// Worker threads of worker threads.
#include <brigade/log.hpp>
#include <brigade/worker_thread.hpp>

#include "unit/threads/worker_support.hpp"

#include <stdexcept>

namespace brigade::threads {
namespace {

using namespace std::chrono_literals;
using testing_support::eventually;
using testing_support::Heard;
using testing_support::spin_until_stopped;
using testing_support::tell_owner;

class WorkerNestedTest : public testing_support::WorkerFixture {};

// Fails `depth` threads further down; nobody on the way listens for errors.
Task<> fail_below(int depth) {
  if (depth == 0) throw std::runtime_error("from below");
  Worker worker(fail_below, {.worker_data = depth - 1});
  co_await sleep(1h);
}

TEST_F(WorkerNestedTest, PassMessagesOnFromThreadToThread) {
  run([&]() -> Task<> {
    Worker outer([]() -> Task<> {
      Worker inner([]() -> Task<> {
        auto number = co_await parent_port().receive<int>();
        tell_owner(*number + 1);
      });
      auto number = co_await parent_port().receive<int>();
      inner.post_message(*number + 1).value();
      auto answer = co_await inner.receive<int>();
      tell_owner(*answer + 1);
    });
    outer.post_message(1).value();
    EXPECT_EQ(co_await outer.receive<int>(), 4);
  });
}

TEST_F(WorkerNestedTest, ErrorThatNobodyListensForClimbsToTheOneWhoDoes) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker(fail_below, {.worker_data = 3});
    heard.listen(worker);
    co_await worker.exited();
  });
  EXPECT_EQ(heard.text(), "online, error from below, exit 1");
}

TEST_F(WorkerNestedTest, ErrorStopsClimbingWhereSomebodyListens) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker([]() -> Task<> {
      Worker inner(fail_below, {.worker_data = 1});
      inner.on_error(
          [](const std::exception_ptr& error) { tell_owner(testing_support::what(error)); });
      co_await inner.exited();
    });
    heard.listen(worker);
    co_await worker.exited();
  });
  EXPECT_EQ(heard.text(), "online, \"from below\", exit 0");
}

TEST_F(WorkerNestedTest, ErrorThatNobodyListensForEndsTheProgramWithOneLineAndCodeOne) {
  testing::internal::CaptureStderr();
  int code = 0;
  code = run_main([]() -> Task<int> {
    Worker worker(fail_below, {.worker_data = 2});
    co_await sleep(1h);
    co_return 0;
  });
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(code, 1);
  EXPECT_NE(log.find("error: uncaught exception: from below\n"), std::string::npos) << log;
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
}

TEST_F(WorkerNestedTest, InnerThreadsAreStoppedFirst) {
  std::atomic<int> inner_ended{0};
  std::atomic<int> outer_saw{-1};
  run([&]() -> Task<> {
    Worker outer([&]() -> Task<> {
      struct Last {
        ~Last() { saw = ended.load(); }
        std::atomic<int>& saw;
        std::atomic<int>& ended;
      } const last{outer_saw, inner_ended};
      const auto spin = [&] {
        tell_owner("begun");
        spin_until_stopped();
        ++inner_ended;
      };
      Worker one(spin);
      Worker two(spin);
      one.on_exit([](int) { ADD_FAILURE() << "its owner was stopped"; });
      co_await one.receive();
      co_await two.receive();
      tell_owner("begun");
      co_await sleep(1h);
    });
    co_await outer.receive();
    EXPECT_EQ(co_await outer.terminate(), 1);
    EXPECT_EQ(inner_ended, 2);
    EXPECT_EQ(outer_saw, 2);
  });
}

TEST_F(WorkerNestedTest, ExitOfTheOuterThreadStopsTheInnerOnes) {
  std::atomic<int> inner_ended{0};
  run([&]() -> Task<> {
    Worker outer([&]() -> Task<> {
      Worker inner([&inner_ended] {
        tell_owner("begun");
        spin_until_stopped();
        ++inner_ended;
      });
      co_await inner.receive();
      exit(5);
    });
    EXPECT_EQ(co_await outer.exited(), 5);
    EXPECT_EQ(inner_ended, 1);
  });
}

TEST_F(WorkerNestedTest, DestructorOfTheOuterThreadStopsFiveLevels) {
  std::atomic<int> ended{0};
  struct Level {
    static Task<> enter(int depth, std::atomic<int>& count) {
      std::optional<Worker> next;
      if (depth > 0) {
        next.emplace([depth, &count] { return Level::enter(depth - 1, count); });
        co_await next->receive();
      }
      tell_owner("begun");
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
        ++count;
        throw;
      }
    }
  };
  run([&]() -> Task<> {
    Worker outer([&ended] { return Level::enter(4, ended); });
    co_await outer.receive();
  });
  EXPECT_EQ(ended, 5);
}

TEST_F(WorkerNestedTest, InnerThreadKeepsTheOuterOneAliveAfterItsFunction) {
  run([&]() -> Task<> {
    std::optional<Worker> inner;  // outlives the outer thread's function
    Worker outer([&inner] {
      inner.emplace([]() -> Task<> { co_await sleep(5ms); });
      inner->on_exit([&inner](int) {
        tell_owner("inner has ended");
        inner.reset();
      });
    });
    EXPECT_EQ(co_await outer.receive<std::string>(), "inner has ended");
    EXPECT_EQ(co_await outer.exited(), 0);
  });
}

}  // namespace
}  // namespace brigade::threads
