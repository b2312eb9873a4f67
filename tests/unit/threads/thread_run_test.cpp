// threads::run: a thread, and its result.
#include <brigade/thread_run.hpp>

#include <brigade/atomics.hpp>
#include <brigade/message_port.hpp>
#include <brigade/task_group.hpp>
#include <brigade/this_thread.hpp>

#include <unistd.h>
#include "unit/threads/worker_support.hpp"

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <thread>

namespace brigade::threads {
namespace {

using namespace std::chrono_literals;
using testing_support::Counted;
using testing_support::spin_until_stopped;

class ThreadRunTest : public testing_support::WorkerFixture {};

int twice(int number) {
  return 2 * number;
}

TEST_F(ThreadRunTest, GivesBackWhatTheFunctionReturned) {
  run([]() -> Task<> {
    const auto sum = co_await threads::run(twice, 21);
    EXPECT_EQ(sum, 42);
  });
}

TEST_F(ThreadRunTest, ThrowsWhatTheFunctionThrew) {
  run([]() -> Task<> {
    std::string caught;
    try {
      co_await threads::run([]() -> int { throw std::runtime_error("broken"); });
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    EXPECT_EQ(caught, "broken");
  });
}

TEST_F(ThreadRunTest, RunsAFunctionThatReturnsNothing) {
  run([]() -> Task<> {
    std::atomic<pid_t> ran_on{0};
    co_await threads::run([&ran_on] { ran_on = ::gettid(); });
    EXPECT_NE(ran_on, 0);
    EXPECT_NE(ran_on, ::getpid());
  });
}

TEST_F(ThreadRunTest, MovesArgumentsAndResultThatCannotBeCopied) {
  run([]() -> Task<> {
    auto given = std::make_unique<int>(5);
    int* const address = given.get();
    const auto back = co_await threads::run(
        [](std::unique_ptr<int> number) {
          ++*number;
          return number;
        },
        std::move(given));
    EXPECT_EQ(back.get(), address);
    EXPECT_EQ(*back, 6);
  });
}

TEST_F(ThreadRunTest, TakesAFunctionThatCanOnlyBeMoved) {
  run([]() -> Task<> {
    const auto length = co_await threads::run(
        [text = std::make_unique<std::string>("abc")] { return text->size(); });
    EXPECT_EQ(length, 3U);
  });
}

TEST_F(ThreadRunTest, RunsACoroutineOnALoopOfItsOwn) {
  run([]() -> Task<> {
    Loop* const here = &Loop::current();
    const auto sum = co_await threads::run(
        [here](int number) -> Task<int> {
          EXPECT_NE(&Loop::current(), here);
          co_await sleep(1ms);
          co_return number + 1;
        },
        1);
    EXPECT_EQ(sum, 2);
    co_await threads::run([]() -> Task<> { co_await yield(); });
  });
}

TEST_F(ThreadRunTest, ThrowsWhatTheCoroutineThrew) {
  run([]() -> Task<> {
    bool caught = false;
    try {
      co_await threads::run([]() -> Task<int> {
        co_await yield();
        throw std::runtime_error("broken");
      });
    } catch (const std::runtime_error&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
  });
}

TEST_F(ThreadRunTest, DoesNotBlockTheLoopMeanwhile) {
  run([]() -> Task<> {
    std::atomic<bool> go{false};
    const auto wait = [&]() -> Task<> {
      co_await threads::run([&go] {
        while (!go) std::this_thread::yield();
      });
    };
    const auto release = [&]() -> Task<> {
      co_await sleep(2ms);
      go = true;
    };
    co_await when_all(wait(), release());
  });
}

TEST_F(ThreadRunTest, HasTheNameTheStackAndAThreadNumber) {
  run([]() -> Task<> {
    const auto facts = [] {
      char name[16] = {};
      ::pthread_getname_np(::pthread_self(), name, sizeof name);
      pthread_attr_t attributes;
      std::size_t size = 0;
      ::pthread_getattr_np(::pthread_self(), &attributes);
      ::pthread_attr_getstacksize(&attributes, &size);
      ::pthread_attr_destroy(&attributes);
      return std::tuple(std::string(name), size, threads::thread_id(),
                        std::string(threads::thread_name()));
    };
    const auto [name, size, id, own_name] = co_await threads::run(
        threads::RunOptions{.name = "cruncher", .stack_size = std::size_t{1} << 20}, facts);
    EXPECT_EQ(name, "cruncher");
    EXPECT_EQ(own_name, "cruncher");
    EXPECT_GE(size, std::size_t{1} << 20);
    EXPECT_LE(size, std::size_t{4} << 20);
    EXPECT_GT(id, 0U);
  });
}

TEST_F(ThreadRunTest, AsksTheThreadToStopWhenItIsCancelledAndWaitsForIt) {
  run([]() -> Task<> {
    std::atomic<bool> begun{false};
    std::atomic<bool> ended{false};
    const auto compute = [&]() -> Task<> {
      co_await threads::run([&] {
        begun = true;
        spin_until_stopped();
        std::this_thread::sleep_for(2ms);
        ended = true;
        return 5;
      });
      ADD_FAILURE() << "it was cancelled";
    };
    const auto cancel = [&]() -> Task<> {
      while (!begun) co_await yield();
    };
    const auto first = co_await when_any(compute(), cancel());
    EXPECT_EQ(first.index(), 1U);
    EXPECT_TRUE(ended);
  });
}

TEST_F(ThreadRunTest, CancelsTheCoroutineOnTheThread) {
  run([]() -> Task<> {
    std::atomic<bool> begun{false};
    std::atomic<bool> cancelled{false};
    const auto compute = [&]() -> Task<> {
      co_await threads::run([&]() -> Task<> {
        begun = true;
        try {
          co_await sleep(1h);
        } catch (const Cancelled&) {
          cancelled = true;
          throw;
        }
      });
    };
    const auto cancel = [&]() -> Task<> {
      while (!begun) co_await yield();
    };
    co_await when_any(compute(), cancel());
    EXPECT_TRUE(cancelled);
  });
}

TEST_F(ThreadRunTest, WakesAThreadThatBlocksWhenItIsCancelled) {
  run([]() -> Task<> {
    std::int32_t word = 0;
    std::atomic<atomics::WaitResult> result{atomics::WaitResult::ok};
    const auto block = [&]() -> Task<> {
      co_await threads::run([&] { result = atomics::wait(word, 0); });
    };
    co_await when_any(block(), as_task(sleep(2ms)));
    EXPECT_EQ(result, atomics::WaitResult::interrupted);
  });
}

TEST_F(ThreadRunTest, StartsNoThreadForACancelledTask) {
  run([]() -> Task<> {
    std::atomic<bool> ran{false};
    const auto task = [&]() -> Task<> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
      }
      co_await threads::run([&] { ran = true; });
    };
    co_await when_any(task(), as_task(sleep(1ms)));
    EXPECT_FALSE(ran);
  });
}

TEST_F(ThreadRunTest, AsksTheThreadToStopAndWaitsWhenItsFrameIsDestroyed) {
  std::atomic<bool> begun{false};
  std::atomic<bool> ended{false};
  Loop loop;
  {
    brigade::detail::TaskScope scope("destroyed", nullptr);
    auto task = [](std::atomic<bool>& has_begun, std::atomic<bool>& has_ended) -> Task<> {
      const Counted counted;
      co_await threads::run([&] {
        has_begun = true;
        spin_until_stopped();
        has_ended = true;
      });
      ADD_FAILURE() << "it was destroyed";
    }(begun, ended);
    ASSERT_FALSE(task.start(nullptr, &scope));
    while (!begun) std::this_thread::yield();
  }
  EXPECT_TRUE(ended);
  for (int i = 0; i < 3; ++i) loop.turn(false);
}

TEST_F(ThreadRunTest, MayBeDestroyedWhenItsResultIsOnItsWay) {
  Loop loop;
  for (int round = 0; round < 20; ++round) {
    std::atomic<bool> done{false};
    brigade::detail::TaskScope scope("destroyed", nullptr);
    auto task = [](std::atomic<bool>& is_done) -> Task<> {
      co_await threads::run([&is_done] { is_done = true; });
    }(done);
    ASSERT_FALSE(task.start(nullptr, &scope));
    while (!done) std::this_thread::yield();
  }
  loop.turn(false);
}

TEST_F(ThreadRunTest, IsRacedByACancellation) {
  // The thread ends, by a result or an exception, at about the moment when it is asked to stop.
  run([]() -> Task<> {
    for (int round = 0; round < 200; ++round) {
      const auto compute = [round]() -> Task<> {
        try {
          co_await threads::run([round]() -> Task<int> {
            co_await yield();
            if (round % 2 == 0) throw std::runtime_error("broken");
            co_return 1;
          });
        } catch (const std::runtime_error&) {
        }
      };
      const auto cancel = [round]() -> Task<> {
        for (int i = 0; i < round; ++i) co_await yield();
      };
      co_await when_any(compute(), cancel());
    }
  });
}

TEST_F(ThreadRunTest, GivesAllResultsInWhenAll) {
  run([]() -> Task<> {
    const auto square = [](int number) -> Task<int> {
      co_return co_await threads::run([number] { return number * number; });
    };
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 10; ++i) tasks.push_back(square(i));
    const auto squares = co_await when_all(std::move(tasks));
    EXPECT_EQ(squares, (std::vector<int>{0, 1, 4, 9, 16, 25, 36, 49, 64, 81}));
  });
}

TEST_F(ThreadRunTest, StopsTheOthersInWhenAllWhenOneThrows) {
  run([]() -> Task<> {
    std::atomic<int> stopped{0};
    const auto spin = [&]() -> Task<> {
      co_await threads::run([&stopped] {
        spin_until_stopped();
        ++stopped;
      });
    };
    const auto fail = []() -> Task<> {
      co_await threads::run([] { throw std::runtime_error("broken"); });
    };
    bool caught = false;
    try {
      co_await when_all(spin(), fail(), spin());
    } catch (const std::runtime_error&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
    EXPECT_EQ(stopped, 2);
  });
}

TEST_F(ThreadRunTest, TakesAPortAlong) {
  run([]() -> Task<> {
    MessageChannel channel;
    const auto answer = [](MessagePort port) -> Task<> {
      while (auto number = co_await port.receive<int>()) port.post_message(*number * 2).value();
    };
    const auto ask = [&]() -> Task<int> {
      channel.port1.post_message(21).value();
      auto doubled = co_await channel.port1.receive<int>();
      channel.port1.close();
      co_return *doubled;
    };
    const auto work = [&]() -> Task<> { co_await threads::run(answer, std::move(channel.port2)); };
    const auto both = co_await when_all(work(), ask());
    EXPECT_EQ(std::get<1>(both), 42);
  });
}

TEST_F(ThreadRunTest, ThrowsWhenTheSystemHasNoRoomForAThread) {
#ifdef BRIGADE_SANITIZED
  GTEST_SKIP() << "a sanitizer reports the failed mapping itself";
#endif
  run([]() -> Task<> {
    int code = 0;
    try {
      co_await threads::run(threads::RunOptions{.stack_size = std::size_t{1} << 46}, twice, 1);
    } catch (const ErrorException& error) {
      code = error.error().code();
    }
    EXPECT_EQ(code, EAGAIN);
    EXPECT_EQ(co_await threads::run(twice, 1), 2);
  });
}

TEST_F(ThreadRunTest, ThrowsWhenItsThreadEndsItself) {
  run([]() -> Task<> {
    int code = 0;
    try {
      co_await threads::run([]() -> int { threads::exit(3); });
    } catch (const ErrorException& error) {
      code = error.error().code();
      EXPECT_NE(std::string(error.what()).find("exit(3)"), std::string::npos);
    }
    EXPECT_EQ(code, ECANCELED);
    try {
      co_await threads::run([]() -> Task<int> {
        co_await yield();
        threads::exit(4);
      });
      code = 0;
    } catch (const ErrorException& error) {
      EXPECT_NE(std::string(error.what()).find("exit(4)"), std::string::npos);
    }
    EXPECT_EQ(code, ECANCELED);
  });
}

TEST_F(ThreadRunTest, ThrowsWhenItsThreadStopsItsOwnLoop) {
  run([]() -> Task<> {
    bool caught = false;
    try {
      co_await threads::run([]() -> Task<int> {
        co_await yield();
        Loop::current().stop();
        co_await sleep(1h);
        co_return 1;
      });
    } catch (const Cancelled&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
  });
}

TEST_F(ThreadRunTest, WarnsOnceOfThreadsThatComeAsFastAsRequests) {
  testing::internal::CaptureStderr();
  run([]() -> Task<> {
    for (int round = 0; round < 60; ++round) {
      std::vector<Task<>> tasks;
      for (int i = 0; i < 10; ++i) {
        tasks.push_back([]() -> Task<> {
          co_await threads::run(threads::RunOptions{.stack_size = 65536}, [] {});
        }());
      }
      co_await when_all(std::move(tasks));
    }
  });
  const std::string log = testing::internal::GetCapturedStderr();
  const std::string line = "threads::run has started 200 threads within a second";
  const std::size_t first = log.find(line);
  // A machine that starts fewer a second has nothing to be warned of.
  if (first != std::string::npos) EXPECT_EQ(log.find(line, first + 1), std::string::npos);
}

}  // namespace
}  // namespace brigade::threads
