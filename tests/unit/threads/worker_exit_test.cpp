// Worker threads that end themselves by exit(), and what runs at their end.
#include <brigade/task_group.hpp>
#include <brigade/worker_thread.hpp>

#include "unit/threads/worker_support.hpp"

#include <stdexcept>

namespace brigade::threads {
namespace {

using namespace std::chrono_literals;
using testing_support::Counted;
using testing_support::Heard;
using testing_support::tell_owner;

class WorkerExitTest : public testing_support::WorkerFixture {
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

TEST_F(WorkerExitTest, ExitEndsAPlainFunctionAtOnce) {
  EXPECT_EQ(heard_of([] {
              const Counted destroyed;
              tell_owner(1);
              exit(7);
              tell_owner(2);
            }),
            "online, 1, exit 7");
}

TEST_F(WorkerExitTest, ExitEndsACoroutineThreeAwaitsDeep) {
  struct Nest {
    static Task<> down(int levels) {
      const Counted destroyed;
      co_await yield();
      if (levels == 0) exit(8);
      co_await down(levels - 1);
      tell_owner("never");
    }
  };
  EXPECT_EQ(heard_of([]() -> Task<> { co_await Nest::down(3); }), "online, exit 8");
}

TEST_F(WorkerExitTest, ExitWithoutACodeIsZero) {
  EXPECT_EQ(heard_of([]() -> Task<int> {
              co_await yield();
              exit();
              co_return 3;
            }),
            "online, exit 0");
}

TEST_F(WorkerExitTest, ExitOfAPostedFunctionEndsTheThread) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              Loop::current().post([] { exit(9); });
              co_await sleep(1h);
            }),
            "online, exit 9");
}

TEST_F(WorkerExitTest, ExitOfAMessageHandlerEndsTheThread) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker([] {
      parent_port().on_message([](int code) {
        tell_owner(code);
        exit(code);
      });
    });
    heard.listen(worker);
    worker.post_message(10).value();
    worker.post_message(11).value();
    co_await worker.exited();
  });
  EXPECT_EQ(heard.text(), "online, 10, exit 10");
}

TEST_F(WorkerExitTest, ExitOfATaskInAGroupEndsTheThread) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              TaskGroup group([](const char*, const std::exception_ptr&) { tell_owner("error"); });
              group.spawn([]() -> Task<> {
                co_await yield();
                exit(12);
              }());
              co_await sleep(1h);
            }),
            "online, exit 12");
}

TEST_F(WorkerExitTest, ExitInsideNestedWhenAllEndsTheThread) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              const auto quit = []() -> Task<> {
                co_await yield();
                exit(13);
              };
              const auto inner = [&]() -> Task<> {
                co_await when_all(quit(), as_task(sleep(1h)));
                tell_owner("never");
              };
              co_await when_all(inner(), as_task(sleep(1h)));
              tell_owner("never");
            }),
            "online, exit 13");
}

TEST_F(WorkerExitTest, ExitThatIsSwallowedEndsTheThreadAtItsNextAwait) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              try {
                exit(14);
              } catch (...) {
                tell_owner("swallowed");
              }
              co_await sleep(1h);
              tell_owner("never");
            }),
            "online, \"swallowed\", exit 14");
}

TEST_F(WorkerExitTest, ExitThatIsSwallowedAfterAnAwaitEndsTheThreadAtTheNextOne) {
  EXPECT_EQ(heard_of([]() -> Task<> {
              co_await yield();
              try {
                exit(14);
              } catch (...) {
              }
              co_await sleep(1h);
              tell_owner("never");
            }),
            "online, exit 14");
}

TEST_F(WorkerExitTest, ExitThatAPlainFunctionSwallowsStillCounts) {
  EXPECT_EQ(heard_of([] {
              parent_port().on_message([](Value) {});  // would keep it alive
              try {
                exit(15);
              } catch (...) {
              }
              return 3;
            }),
            "online, exit 15");
}

TEST_F(WorkerExitTest, ExitIsNoStdException) {
  EXPECT_EQ(heard_of([] {
              try {
                exit(16);
              } catch (const std::exception&) {
                tell_owner("caught");
              }
            }),
            "online, exit 16");
}

// Hooks.

TEST_F(WorkerExitTest, HooksRunNewestFirstAndMayChangeTheCode) {
  EXPECT_EQ(heard_of([] {
              at_exit([](int& code) {
                tell_owner(code);
                code = 99;
              });
              at_exit([](int& code) {
                tell_owner(code);
                ++code;
              });
              return 5;
            }),
            "online, 5, 6, exit 99");
}

TEST_F(WorkerExitTest, HooksRunAfterExitAndAfterAnException) {
  EXPECT_EQ(heard_of([] {
              at_exit([](int& code) { tell_owner(code); });
              exit(4);
            }),
            "online, 4, exit 4");
  EXPECT_EQ(heard_of([] {
              at_exit([](int& code) {
                tell_owner(code);
                code = 0;
              });
              throw std::runtime_error("broken");
            }),
            "online, 1, error broken, exit 0");
}

TEST_F(WorkerExitTest, HookThatThrowsIsAnErrorAndTheOthersStillRun) {
  EXPECT_EQ(heard_of([] {
              at_exit([](int&) { tell_owner("oldest"); });
              at_exit([](int&) { throw std::runtime_error("hook"); });
            }),
            "online, \"oldest\", error hook, exit 1");
}

TEST_F(WorkerExitTest, HookThatThrowsDoesNotHideTheFirstException) {
  EXPECT_EQ(heard_of([] {
              at_exit([](int&) { throw std::runtime_error("hook"); });
              throw std::runtime_error("first");
            }),
            "online, error first, exit 1");
}

TEST_F(WorkerExitTest, HookMayExitWithAnotherCode) {
  EXPECT_EQ(heard_of([] {
              at_exit([](int& code) { tell_owner(code); });
              at_exit([](int&) { exit(17); });
            }),
            "online, 17, exit 17");
}

TEST_F(WorkerExitTest, HookThatIsSetInAHookRunsToo) {
  EXPECT_EQ(heard_of([] { at_exit([](int&) { at_exit([](int&) { tell_owner("inner"); }); }); }),
            "online, \"inner\", exit 0");
}

TEST_F(WorkerExitTest, HooksAreIgnoredElsewhere) {
  at_exit([](int&) { ADD_FAILURE() << "this is no worker thread"; });
}

TEST_F(WorkerExitTest, ExitUnderRunMainEndsTheProgramAlsoWhenItIsSwallowed) {
  EXPECT_EQ(run_main([]() -> Task<int> {
              co_await yield();
              exit(9);
            }),
            9);
  EXPECT_EQ(run_main([]() -> Task<int> {
              try {
                exit(10);
              } catch (...) {
              }
              co_await sleep(1h);
              co_return 0;
            }),
            10);
}

TEST_F(WorkerExitTest, ExitElsewhereIsAnUncaughtException) {
  EXPECT_THROW(exit(3), brigade::detail::ExitRequest);
}

}  // namespace
}  // namespace brigade::threads
