// Exceptions that nobody listens for: fail(), and what run_main makes of them.
#include <gtest/gtest.h>
#include <brigade/loop.hpp>
#include <brigade/message_port.hpp>
#include <brigade/sleep.hpp>
#include <brigade/task_group.hpp>
#include <brigade/when.hpp>
#include "support/counted.hpp"
#include "support/fake_loop.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

namespace brigade {
namespace {

using namespace std::chrono_literals;
using testing_support::Counted;
using testing_support::FakeLoop;

class LoopFailTest : public testing_support::NothingLeft {
 protected:
  static std::exception_ptr error(const std::string& what) {
    return std::make_exception_ptr(std::runtime_error(what));
  }
  template <class Function>
  static std::string thrown_by(Function function) {
    try {
      function();
    } catch (const std::runtime_error& caught) {
      return caught.what();
    }
    return "nothing";
  }
  /// What a program with this main writes to its log, and its exit code.
  template <class Function>
  static std::pair<int, std::string> run_program(Function function) {
    testing::internal::CaptureStderr();
    const int code = run_main(std::move(function));
    return {code, testing::internal::GetCapturedStderr()};
  }
};

TEST_F(LoopFailTest, RunThrowsWhatTheLoopFailedWith) {
  FakeLoop fake;
  fake.loop.post([&] { fake.loop.fail(error("broken")); });
  EXPECT_EQ(thrown_by([&] { fake.loop.run(); }), "broken");
}

TEST_F(LoopFailTest, FirstOfSeveralCounts) {
  FakeLoop fake;
  fake.loop.post([&] { fake.loop.fail(error("first")); });
  fake.loop.post([&] { fake.loop.fail(error("second")); });
  EXPECT_EQ(thrown_by([&] { fake.loop.run(); }), "first");
}

TEST_F(LoopFailTest, FailureIsThrownOnceAndTheLoopCanBeRunAgain) {
  FakeLoop fake;
  fake.loop.fail(error("broken"));
  EXPECT_EQ(thrown_by([&] { fake.loop.run(); }), "broken");
  fake.loop.post([&] { fake.loop.stop(); });
  EXPECT_EQ(thrown_by([&] { fake.loop.run(); }), "nothing");
}

TEST_F(LoopFailTest, FailureBeforeTheRunEndsItAtOnce) {
  bool turned = false;  // before the loop, which runs what is left when it goes
  FakeLoop fake;
  fake.loop.post([&] { turned = true; });
  fake.loop.fail(error("broken"));
  EXPECT_EQ(thrown_by([&] { fake.loop.run(); }), "broken");
  fake.loop.fail(error("again"));
  fake.loop.ref();
  EXPECT_EQ(thrown_by([&] { fake.loop.run_until_idle(); }), "again");
  fake.loop.unref();
  EXPECT_FALSE(turned);
}

TEST_F(LoopFailTest, TaskThatTheFailureInterruptsIsDestroyed) {
  FakeLoop fake;
  fake.loop.post([&] { fake.loop.fail(error("broken")); });
  EXPECT_EQ(thrown_by([&] {
              fake.loop.run([]() -> Task<> {
                const Counted counted;
                co_await sleep(1h);
                ADD_FAILURE() << "it is over";
              }());
            }),
            "broken");
  EXPECT_EQ(Counted::live, 0);
}

TEST_F(LoopFailTest, TaskThatFailsTheLoopBeforeItSuspendsGetsNoFurther) {
  FakeLoop fake;
  EXPECT_EQ(thrown_by([&] {
              fake.loop.run([](std::exception_ptr failure) -> Task<> {
                Loop::current().fail(std::move(failure));
                co_await sleep(1h);
                ADD_FAILURE() << "it is over";
              }(error("early")));
            }),
            "early");
  EXPECT_LT(fake.elapsed(), 1h);
}

TEST_F(LoopFailTest, HandlerThatThrowsFailsItsLoop) {
  FakeLoop fake;
  MessageChannel channel;
  channel.port1.on_message([](int) { throw std::runtime_error("handler"); });
  channel.port2.post_message(1).value();
  EXPECT_EQ(thrown_by([&] { fake.loop.run_until_idle(); }), "handler");
}

TEST_F(LoopFailTest, ProgramWhoseMainThrowsHasCodeOneAndALogLine) {
  const auto [code, log] = run_program([]() -> Task<int> {
    co_await yield();
    throw std::runtime_error("main is broken");
  });
  EXPECT_EQ(code, 1);
  EXPECT_NE(log.find("error: uncaught exception: main is broken\n"), std::string::npos) << log;
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
}

TEST_F(LoopFailTest, ProgramThatThrowsWhatIsNoStdExceptionHasCodeOneAndALogLine) {
  const auto [code, log] = run_program([]() -> Task<int> {
    co_await yield();
    throw 5;
  });
  EXPECT_EQ(code, 1);
  EXPECT_NE(log.find("that is not a std::exception\n"), std::string::npos) << log;
}

TEST_F(LoopFailTest, ProgramThatFailsAfterItsMainHasCodeOneAndALogLine) {
  MessageChannel channel;
  const auto [code, log] = run_program([&]() -> Task<int> {
    channel.port1.on_message([](Value) { throw std::runtime_error("late"); });
    channel.port2.post_message(1).value();
    co_return 0;
  });
  EXPECT_EQ(code, 1);
  EXPECT_NE(log.find("uncaught exception: late\n"), std::string::npos) << log;
}

TEST_F(LoopFailTest, ExitRequestEndsAProgramWithItsCodeAndWithoutALine) {
  const auto [code, log] = run_program([]() -> Task<int> {
    const auto quit = []() -> Task<> {
      co_await yield();
      throw detail::ExitRequest{7};
    };
    co_await when_all(quit(), as_task(sleep(1h)));
    co_return 0;
  });
  EXPECT_EQ(code, 7);
  EXPECT_EQ(log, "");
}

TEST_F(LoopFailTest, ExitRequestOfATaskInAGroupEndsTheProgram) {
  const auto [code, log] = run_program([]() -> Task<int> {
    TaskGroup group;
    group.spawn([]() -> Task<> {
      co_await yield();
      throw detail::ExitRequest{8};
    }());
    co_await group.join();
    co_await sleep(1h);
    co_return 0;
  });
  EXPECT_EQ(code, 8);
  EXPECT_EQ(log, "");
}

}  // namespace
}  // namespace brigade
