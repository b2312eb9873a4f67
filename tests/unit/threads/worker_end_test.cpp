// How a worker thread ends: by an exception, or before it began; and what its owner hears of it.
#include <brigade/worker_thread.hpp>

#include <sys/resource.h>
#include <unistd.h>
#include "unit/threads/worker_support.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

namespace brigade::threads {
namespace {

using namespace std::chrono_literals;
using testing_support::Counted;
using testing_support::Heard;
using testing_support::tell_owner;

class WorkerEndTest : public testing_support::WorkerFixture {
 protected:
  /// What the owner of a thread with this function hears.
  template <class Function>
  static std::string heard_of(Function function) {
    Heard heard;
    run([&]() -> Task<> {
      Worker worker(std::move(function));
      heard.listen(worker);
      co_await worker.exited();
    });
    return heard.text();
  }
};

// An uncaught exception.

TEST_F(WorkerEndTest, ExceptionIsToldOnceBehindTheMessagesAndBeforeExitOne) {
  EXPECT_EQ(heard_of([] {
              tell_owner(1);
              throw std::runtime_error("broken");
            }),
            "online, 1, error broken, exit 1");
}

TEST_F(WorkerEndTest, ExceptionMayBeOfAnyType) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              co_await yield();
              throw 42;
            }),
            "online, error int 42, exit 1");
}

TEST_F(WorkerEndTest, ExceptionOfACallbackIsToldAsWell) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              Loop::current().post([] { throw std::runtime_error("posted"); });
              co_await sleep(1h);
            }),
            "online, error posted, exit 1");
}

TEST_F(WorkerEndTest, ExceptionOfAMessageHandlerEndsTheThread) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker([] {
      parent_port().on_message([](int number) {
        tell_owner(number);
        if (number == 2) throw std::runtime_error("two");
      });
    });
    heard.listen(worker);
    for (int i = 1; i <= 3; ++i) worker.post_message(i).value();
    co_await worker.exited();
  });
  EXPECT_EQ(heard.text(), "online, 1, 2, error two, exit 1");
}

TEST_F(WorkerEndTest, CancelledOfTheFunctionsOwnMakingIsAnError) {
  EXPECT_EQ(heard_of([] { throw Cancelled(CancelReason::deadline); }),
            "online, error cancelled: deadline, exit 1");
}

TEST_F(WorkerEndTest, ExceptionIsThrownByExitedWhenNobodyElseListens) {
  run([&]() -> Task<> {
    Worker worker([] { throw std::runtime_error("broken"); });
    std::string caught;
    try {
      co_await worker.exited();
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    EXPECT_EQ(caught, "broken");
    EXPECT_EQ(co_await worker.exited(), 1);  // it is told once
  });
}

TEST_F(WorkerEndTest, ExceptionIsThrownAtTheFirstOfTwoWhoWaitForTheExit) {
  run([&]() -> Task<> {
    Worker worker([] { throw std::runtime_error("broken"); });
    const auto wait = [](Worker& its, std::string& outcome) -> Task<> {
      try {
        outcome = fmt::format("{}", co_await its.exited());
      } catch (const std::runtime_error& error) {
        outcome = error.what();
      }
    };
    std::string first;
    std::string second;
    co_await when_all(wait(worker, first), wait(worker, second));
    EXPECT_EQ(first, "broken");
    EXPECT_EQ(second, "1");
  });
}

TEST_F(WorkerEndTest, ExceptionGoesToOnErrorAndNotToExited) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker([] { throw std::runtime_error("broken"); });
    heard.listen_for_error(worker);
    EXPECT_EQ(co_await worker.exited(), 1);
  });
  EXPECT_EQ(heard.text(), "error broken");
}

TEST_F(WorkerEndTest, ExceptionThatNobodyListensForFailsTheOwnersLoop) {
  Loop loop;
  Heard heard;
  Worker worker([] { throw std::runtime_error("broken"); });
  worker.on_exit([&](int code) { heard.note(fmt::format("exit {}", code)); });
  try {
    loop.run_until_idle();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "broken");
  }
  EXPECT_EQ(heard.text(), "");
  loop.run_until_idle();  // an owner that goes on hears the rest
  EXPECT_EQ(heard.text(), "exit 1");
}

TEST_F(WorkerEndTest, WaitThatWasResumedOutlivesTheWorker) {
  run([&]() -> Task<> {
    std::optional<Worker> worker(std::in_place, [] { throw std::runtime_error("broken"); });
    worker->on_exit([&](int) { worker.reset(); });
    bool caught = false;
    try {
      co_await worker->exited();
    } catch (const std::runtime_error&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
    EXPECT_FALSE(worker);
  });
}

TEST_F(WorkerEndTest, WaitForTheExitEndsWhenTheWorkerIsDestroyed) {
  run([&]() -> Task<> {
    std::optional<Worker> worker(std::in_place, []() -> Task<> { co_await sleep(1h); });
    const auto wait = [&]() -> Task<int> { co_return co_await worker->exited(); };
    const auto destroy = [&]() -> Task<> {
      worker.reset();
      co_return;
    };
    const auto both = co_await when_all(wait(), destroy());
    EXPECT_EQ(std::get<0>(both), 1);
  });
}

TEST_F(WorkerEndTest, WaitForTheExitCanBeCancelledAndTheThreadGoesOn) {
  run([&]() -> Task<> {
    Worker worker([]() -> Task<> {
      auto message = co_await parent_port().receive();
      tell_owner(std::move(*message));
    });
    const auto wait = [&]() -> Task<> { co_await worker.exited(); };
    co_await when_any(wait(), as_task(sleep(1ms)));
    EXPECT_TRUE(worker.running());
    worker.post_message(1).value();
    EXPECT_EQ(co_await worker.receive<int>(), 1);
    EXPECT_EQ(co_await worker.exited(), 0);
  });
}

// The owner's callbacks.

using SetUp = std::function<void(Worker&, std::function<void()>)>;
struct Callback {
  const char* name;
  SetUp set;
};

void PrintTo(const Callback& callback, std::ostream* out) {
  *out << callback.name;
}

const Callback callbacks[] = {
    {"Online", [](Worker& w, std::function<void()> act) { w.on_online(std::move(act)); }},
    {"Message",
     [](Worker& w, const std::function<void()>& act) {
       w.on_message([act](const std::string&) { act(); });
     }},
    {"MessageError",
     [](Worker& w, const std::function<void()>& act) {
       w.on_message([](int) {});
       w.on_message_error([act](const MessageError&) { act(); });
     }},
    {"Output",
     [](Worker& w, const std::function<void()>& act) {
       w.on_output([act](std::string_view, bool) { act(); });
     }},
    {"Error",
     [](Worker& w, const std::function<void()>& act) {
       w.on_error([act](const std::exception_ptr&) { act(); });
     }},
    {"Exit",
     [](Worker& w, const std::function<void()>& act) {
       w.on_error([](const std::exception_ptr&) {});
       w.on_exit([act](int) { act(); });
     }},
};

class WorkerCallbackTest : public testing_support::WorkerFixture,
                           public testing::WithParamInterface<Callback> {
 protected:
  // Gives every callback something to do.
  static void busy() {
    tell_owner("one");
    print("two");
    tell_owner("three");
    throw std::runtime_error("four");
  }
};

TEST_P(WorkerCallbackTest, MayDestroyTheWorker) {
  Loop loop;
  bool called = false;
  std::optional<Worker> worker(std::in_place, &busy, WorkerOptions{.capture_output = true});
  GetParam().set(*worker, [&] {
    EXPECT_FALSE(called);
    called = true;
    worker.reset();
  });
  loop.run_until_idle();
  EXPECT_TRUE(called);
  EXPECT_FALSE(worker);
}

TEST_P(WorkerCallbackTest, MayDestroyTheWorkerWhenItTakesTheBacklog) {
  Loop loop;
  bool called = false;
  std::optional<Worker> worker(std::in_place, &busy, WorkerOptions{.capture_output = true});
  worker->on_error([](const std::exception_ptr&) {});
  loop.run_until_idle();  // its exit has been told; its messages wait
  GetParam().set(*worker, [&] {
    EXPECT_FALSE(called);
    called = true;
    worker.reset();
  });
  loop.turn(false);
  const bool of_messages = GetParam().name == std::string_view("Message") ||
                           GetParam().name == std::string_view("MessageError");
  EXPECT_EQ(called, of_messages);
}

TEST_P(WorkerCallbackTest, ThatThrowsFailsTheOwnersLoop) {
  Loop loop;
  Worker worker(&busy, WorkerOptions{.capture_output = true});
  bool called = false;
  worker.on_error([](const std::exception_ptr&) {});
  GetParam().set(worker, [&] {
    if (std::exchange(called, true)) return;
    throw std::runtime_error("callback");
  });
  EXPECT_THROW(loop.run_until_idle(), std::runtime_error);
  loop.run_until_idle();  // to its exit
  EXPECT_FALSE(worker.running());
}

INSTANTIATE_TEST_SUITE_P(Every, WorkerCallbackTest, testing::ValuesIn(callbacks),
                         [](const auto& test) { return test.param.name; });

// The owner's end.

TEST_F(WorkerEndTest, OwnersLoopMayGoFirst) {
  std::optional<Loop> loop(std::in_place);
  std::atomic<bool> begun{false};
  std::atomic<bool> ended{false};
  Worker worker([&]() -> Task<> {
    begun = true;
    try {
      co_await sleep(1h);
    } catch (const Cancelled&) {
      ended = true;
      throw;
    }
  });
  worker.on_message([](int) {});
  worker.on_exit([](int) { ADD_FAILURE() << "there is no loop to be told on"; });
  loop->turn(false);
  EXPECT_TRUE(testing_support::eventually([&] { return begun.load(); }));
  loop.reset();
  EXPECT_TRUE(worker.running());
  EXPECT_FALSE(worker.has_ref());
  EXPECT_TRUE(worker.post_message(1).ok());
  worker.terminate();
  EXPECT_TRUE(testing_support::eventually([&] { return ended.load(); }));
}

TEST_F(WorkerEndTest, ThreadThatTheSystemHasNoRoomForIsAnErrorAndAnExit) {
#ifdef BRIGADE_SANITIZED
  GTEST_SKIP() << "a sanitizer reports the failed mapping itself";
#endif
  Heard heard;
  run([&]() -> Task<> {
    Worker worker([] { tell_owner("never"); },
                  {.name = "huge", .stack_size = std::size_t{1} << 46});
    heard.listen_for_error(worker);
    EXPECT_TRUE(worker.running());
    EXPECT_TRUE(worker.post_message(1).ok());
    EXPECT_FALSE(worker.cpu_time());
    EXPECT_EQ(co_await worker.exited(), 1);
    EXPECT_EQ(worker.post_message(2).error().code(), EPIPE);
    EXPECT_FALSE(co_await worker.receive());
  });
  EXPECT_EQ(heard.text(), "error start thread \"huge\": Resource temporarily unavailable");
}

TEST_F(WorkerEndTest, HandlersTakeNoMoreMessagesInATurnThatHasFailed) {
  Loop loop;
  int taken = 0;
  Worker worker([] {
    for (int i = 0; i < 10; ++i) tell_owner(i);
  });
  worker.on_message([&](int number) {
    ++taken;
    if (number == 3) throw std::runtime_error("three");
  });
  EXPECT_THROW(loop.run_until_idle(), std::runtime_error);
  EXPECT_EQ(taken, 4);
  loop.run_until_idle();
  EXPECT_EQ(taken, 10);
}

TEST_F(WorkerEndTest, ThreadThatIsDestroyedBeforeItsFailedStartIsToldTellsNothing) {
#ifdef BRIGADE_SANITIZED
  GTEST_SKIP() << "a sanitizer reports the failed mapping itself";
#endif
  Loop loop;
  {
    Worker worker([] {}, {.stack_size = std::size_t{1} << 46});
    worker.on_error([](const std::exception_ptr&) { ADD_FAILURE(); });
  }
  loop.run_until_idle();
}

TEST_F(WorkerEndTest, ThreadWithoutDescriptorsForALoopIsAnErrorAndAnExit) {
  Heard heard;
  Loop loop;
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int lowest_free = ::dup(0);
  ::close(lowest_free);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(lowest_free);
  ::setrlimit(RLIMIT_NOFILE, &none);
  Worker worker([] { tell_owner("never"); });
  heard.listen(worker);
  loop.run_until_idle();
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_EQ(heard.all.size(), 2U) << heard.text();
  EXPECT_NE(heard.all[0].find("Too many open files"), std::string::npos) << heard.text();
  EXPECT_EQ(heard.all[1], "exit 1");
}

}  // namespace
}  // namespace brigade::threads
