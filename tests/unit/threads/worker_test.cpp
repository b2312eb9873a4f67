// A worker thread's life, messages and handle.
#include <brigade/worker_thread.hpp>

#include <unistd.h>
#include "unit/threads/worker_support.hpp"

#include <cerrno>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <thread>

namespace brigade::threads {
namespace {

using namespace std::chrono_literals;
using testing_support::Counted;
using testing_support::Heard;
using testing_support::spin_until_stopped;
using testing_support::tell_owner;

class WorkerTest : public testing_support::WorkerFixture {};

Task<> echo() {
  while (auto message = co_await parent_port().receive()) tell_owner(std::move(*message));
}

TEST_F(WorkerTest, TellsOnlineThenItsMessagesThenItsExit) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker([] {
      tell_owner(1);
      tell_owner("two");
    });
    heard.listen(worker);
    EXPECT_EQ(heard.text(), "");  // never before the loop's next turn
    const int code = co_await worker.exited();
    EXPECT_EQ(code, 0);
  });
  EXPECT_EQ(heard.text(), "online, 1, \"two\", exit 0");
}

TEST_F(WorkerTest, ReturnsTheExitCodeOfAFunctionOrACoroutine) {
  run([&]() -> Task<> {
    Worker plain([] { return 3; });
    Worker coroutine([]() -> Task<int> {
      co_await yield();
      co_return 4;
    });
    Worker nothing([]() -> Task<> { co_await yield(); });
    EXPECT_EQ(co_await plain.exited(), 3);
    EXPECT_EQ(co_await coroutine.exited(), 4);
    EXPECT_EQ(co_await nothing.exited(), 0);
    EXPECT_EQ(co_await plain.exited(), 3);  // also later
  });
}

TEST_F(WorkerTest, IsAThreadOfItsOwnWithANumberAndAName) {
  EXPECT_TRUE(is_main_thread());
  EXPECT_EQ(thread_id(), 0U);
  EXPECT_EQ(thread_name(), "");
  EXPECT_FALSE(parent_port());
  EXPECT_TRUE(worker_data().is_null());
  EXPECT_FALSE(stop_token().stop_possible());
  run([&]() -> Task<> {
    const auto facts = [] {
      tell_owner(Value::array(is_main_thread(), thread_id(), thread_name(), bool{parent_port()}));
    };
    Worker one(facts, {.name = "one"});
    Worker two(facts);
    EXPECT_GT(one.thread_id(), 0U);
    EXPECT_GT(two.thread_id(), one.thread_id());
    EXPECT_EQ(one.name(), "one");
    const auto told = co_await one.receive();
    EXPECT_EQ(told->to_string(), fmt::format("[false,{},\"one\",true]", one.thread_id()));
    const auto told_too = co_await two.receive();
    EXPECT_EQ(told_too->to_string(), fmt::format("[false,{},\"worker\",true]", two.thread_id()));
  });
}

TEST_F(WorkerTest, ShowsTheSystemFifteenBytesOfItsName) {
  run([&]() -> Task<> {
    Worker worker(
        [] {
          tell_owner(static_cast<int>(::gettid()));
          spin_until_stopped();
        },
        {.name = "a-name-of-twenty-one"});
    const auto tid = co_await worker.receive<int>();
    std::ifstream file(fmt::format("/proc/self/task/{}/comm", *tid));
    std::string name;
    std::getline(file, name);
    EXPECT_EQ(name, "a-name-of-twent");
    EXPECT_EQ(worker.name(), "a-name-of-twenty-one");
  });
}

TEST_F(WorkerTest, HasTheStackThatWasAskedFor) {
  run([&]() -> Task<> {
    Worker worker(
        [] {
          pthread_attr_t attributes;
          std::size_t size = 0;
          ::pthread_getattr_np(::pthread_self(), &attributes);
          ::pthread_attr_getstacksize(&attributes, &size);
          ::pthread_attr_destroy(&attributes);
          tell_owner(size);
        },
        {.stack_size = std::size_t{1} << 20});
    const auto size = co_await worker.receive<std::size_t>();
    EXPECT_GE(*size, std::size_t{1} << 20);
    EXPECT_LE(*size, std::size_t{4} << 20);  // the C library may reuse a somewhat larger one
  });
}

TEST_F(WorkerTest, TakesAFunctionThatCanOnlyBeMovedAndDestroysItOnTheThread) {
  struct TellsWhere {
    explicit TellsWhere(std::atomic<pid_t>& to) : destroyed_by(to) {}
    ~TellsWhere() { destroyed_by = ::gettid(); }
    std::atomic<pid_t>& destroyed_by;
  };
  std::atomic<pid_t> destroyed_by{0};
  run([&]() -> Task<> {
    auto teller = std::make_unique<TellsWhere>(destroyed_by);
    Worker worker([held = std::move(teller)] { tell_owner(static_cast<int>(::gettid())); });
    const auto tid = co_await worker.receive<int>();
    co_await worker.exited();
    EXPECT_EQ(destroyed_by, *tid);
    EXPECT_NE(destroyed_by, ::getpid());
  });
}

TEST_F(WorkerTest, KeepsTheCapturesOfACoroutineLambdaUntilItsEnd) {
  run([&]() -> Task<> {
    Worker worker([counted = Counted()]() -> Task<> {
      co_await sleep(1ms);
      tell_owner(counted.intact());
    });
    const auto intact = co_await worker.receive<bool>();
    EXPECT_TRUE(*intact);
    co_await worker.exited();
    EXPECT_EQ(Counted::live, 0);
  });
}

TEST_F(WorkerTest, NeedsALoopOfItsOwner) {
  EXPECT_THROW(Worker([] {}), std::logic_error);
}

TEST_F(WorkerTest, IsRunningUntilItsExitIsTold) {
  run([&]() -> Task<> {
    Worker worker([] {});
    EXPECT_TRUE(worker.running());
    worker.on_exit([&](int) { EXPECT_FALSE(worker.running()); });
    co_await worker.exited();
    EXPECT_FALSE(worker.running());
  });
}

TEST_F(WorkerTest, EndsOnlyWhenNothingKeepsItsLoopAlive) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker([] {
      parent_port().on_message([](Value message) {
        tell_owner(std::move(message));
        parent_port().on_message(nullptr);
      });
    });
    heard.listen(worker);
    co_await sleep(2ms);
    worker.post_message("go").value();
    co_await worker.exited();
  });
  EXPECT_EQ(heard.text(), "online, \"go\", exit 0");
}

TEST_F(WorkerTest, GetsWhatWasPostedBeforeItsThreadWasThere) {
  run([&]() -> Task<> {
    Worker worker(echo);
    for (int i = 0; i < 100; ++i) worker.post_message(i).value();
    for (int i = 0; i < 100; ++i) {
      const auto answer = co_await worker.receive<int>();
      EXPECT_EQ(answer, i);
    }
  });
}

TEST_F(WorkerTest, DeliversAllThatWasPostedRightBeforeTheEnd) {
  constexpr int count = 10'000;
  int next = 0;
  bool over = false;
  run([&]() -> Task<> {
    Worker worker([] {
      for (int i = 0; i < count; ++i) tell_owner(i);
    });
    worker.on_message([&](int number) {
      EXPECT_EQ(number, next++);
      EXPECT_FALSE(over);
    });
    worker.on_exit([&](int) { over = true; });
    co_await worker.exited();
  });
  EXPECT_EQ(next, count);
}

TEST_F(WorkerTest, GivesALateHandlerTheBacklogInOrderAndBeforeAnythingNewer) {
  std::vector<int> got;
  run([&]() -> Task<> {
    Worker worker([]() -> Task<> {
      for (int i = 0; i < 100; ++i) tell_owner(i);
      co_await parent_port().receive();
      for (int i = 100; i < 200; ++i) tell_owner(i);
    });
    bool online = false;
    worker.on_online([&] { online = true; });
    while (!online) co_await yield();
    co_await sleep(2ms);
    worker.on_message([&](int number) { got.push_back(number); });
    worker.post_message("more").value();
    co_await worker.exited();
  });
  ASSERT_EQ(got.size(), 200U);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(got[static_cast<std::size_t>(i)], i);
}

TEST_F(WorkerTest, GivesAHandlerThatIsSetAfterTheEndTheBacklog) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker([] {
      tell_owner(1);
      tell_owner(2);
    });
    co_await worker.exited();
    heard.listen(worker);
    while (heard.all.size() < 2) co_await yield();
    for (int i = 0; i < 10; ++i) co_await yield();
  });
  EXPECT_EQ(heard.text(), "1, 2");
}

TEST_F(WorkerTest, KeepsWhatNobodyTookForAReceiveAfterTheEnd) {
  run([&]() -> Task<> {
    Worker worker([] { tell_owner(7); });
    co_await worker.exited();
    const auto number = co_await worker.receive<int>();
    EXPECT_EQ(number, 7);
    EXPECT_FALSE(co_await worker.receive<int>());
    EXPECT_FALSE(co_await worker.receive<int>());
  });
}

TEST_F(WorkerTest, EndsAReceiveThatWaitsWhenTheThreadEnds) {
  run([&]() -> Task<> {
    Worker worker([]() -> Task<> { co_await sleep(1ms); });
    EXPECT_FALSE(co_await worker.receive());
  });
}

TEST_F(WorkerTest, ThrowsFromReceiveWhatIsOfAnotherTypeAndGoesOn) {
  run([&]() -> Task<> {
    Worker worker([] {
      tell_owner("text");
      tell_owner(5);
    });
    bool threw = false;
    try {
      co_await worker.receive<int>();
    } catch (const MessageError&) {
      threw = true;
    }
    EXPECT_TRUE(threw);
    const auto number = co_await worker.receive<int>();
    EXPECT_EQ(number, 5);
  });
}

TEST_F(WorkerTest, RefusesAReceiveBesideAHandler) {
  run([&]() -> Task<> {
    Worker worker(echo);
    worker.on_message([](int) {});
    bool refused = false;
    try {
      co_await worker.receive();
    } catch (const std::logic_error&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  });
}

TEST_F(WorkerTest, RefusesAHandlerBesideAReceiveThatWaits) {
  run([&]() -> Task<> {
    Worker worker(echo);
    const auto set_handler = [&]() -> Task<> {
      EXPECT_THROW(worker.on_message([](int) {}), std::logic_error);
      worker.post_message(1).value();
      co_return;
    };
    const auto receive = [&]() -> Task<int> { co_return *co_await worker.receive<int>(); };
    const auto both = co_await when_all(receive(), set_handler());
    EXPECT_EQ(std::get<0>(both), 1);
  });
}

TEST_F(WorkerTest, TellsOfMessagesThatItsHandlerCannotTake) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker([] {
      tell_owner("text");
      tell_owner(5);
    });
    heard.listen(worker);
    worker.on_message([&](int number) { heard.note(fmt::format("number {}", number)); });
    co_await worker.exited();
  });
  EXPECT_EQ(heard.text(), "online, expected an integer, got a string, number 5, exit 0");
}

TEST_F(WorkerTest, LogsMessagesThatItsHandlerCannotTakeWhenNobodyAsks) {
  testing::internal::CaptureStderr();
  run([&]() -> Task<> {
    Worker worker([] { tell_owner("text"); }, {.name = "speaker"});
    worker.on_message([](int) {});
    co_await worker.exited();
  });
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("a message of worker thread \"speaker\" was dropped: expected an integer"),
            std::string::npos)
      << log;
}

TEST_F(WorkerTest, RefusesAMessageOnceItHasEndedAndLeavesItAsItWas) {
  run([&]() -> Task<> {
    Worker worker([] {});
    co_await worker.exited();
    MessageChannel channel;
    Value message = Value::object({{"port", Value(std::move(channel.port1))}});
    const auto posted = worker.post_message(std::move(message));
    EXPECT_FALSE(posted.ok());
    EXPECT_EQ(posted.error().code(), EPIPE);
    EXPECT_TRUE(message.at("port").as_port());
    EXPECT_TRUE(channel.port2.post_message(1).ok());
    EXPECT_EQ(message.at("port").as_port().try_receive()->as_integer(), 1);
  });
}

TEST_F(WorkerTest, RefusesMoreThanMaxQueueMessagesInEachDirection) {
  run([&]() -> Task<> {
    Worker worker(
        [] {
          std::vector<int> codes;
          for (int i = 0; i < 3; ++i) {
            const auto posted = parent_port().post_message(i);
            codes.push_back(posted ? 0 : posted.error().code());
          }
          EXPECT_EQ(codes, (std::vector<int>{0, 0, EAGAIN}));
          spin_until_stopped();
        },
        {.max_queue = 2});
    EXPECT_TRUE(worker.post_message(1).ok());
    EXPECT_TRUE(worker.post_message(2).ok());
    const auto third = worker.post_message(3);
    EXPECT_FALSE(third.ok());
    EXPECT_EQ(third.error().code(), EAGAIN);
    co_await sleep(5ms);  // the owner's loop turns, but nobody takes the messages
    co_await worker.terminate();
    EXPECT_EQ(co_await worker.receive<int>(), 0);
    EXPECT_EQ(co_await worker.receive<int>(), 1);
    EXPECT_FALSE(co_await worker.receive<int>());
  });
}

TEST_F(WorkerTest, MakesAThreadWaitThatSendsFasterThanItsOwnerReceives) {
  constexpr int limit = 4;
  constexpr int count = 100;
  std::atomic<int> sent{0};
  run([&]() -> Task<> {
    Worker worker(
        [&sent]() -> Task<> {
          for (int i = 0; i < count; ++i) {
            const auto done = co_await parent_port().send(i);
            done.value();
            ++sent;
          }
        },
        {.max_queue = limit});
    co_await sleep(5ms);  // time enough to send too many
    for (int i = 0; i < count; ++i) {
      EXPECT_LE(sent, i + limit);
      const auto number = co_await worker.receive<int>();
      EXPECT_EQ(number, i);
      co_await yield();
    }
    EXPECT_EQ(co_await worker.exited(), 0);
  });
}

TEST_F(WorkerTest, GoesOnWhenItsHandleIsMoved) {
  Heard heard;
  run([&]() -> Task<> {
    Worker first(echo);
    heard.listen(first);
    const std::uint32_t id = first.thread_id();
    Worker second(std::move(first));
    second.post_message(1).value();
    Worker third([] { spin_until_stopped(); });
    third = std::move(second);
    EXPECT_EQ(third.thread_id(), id);
    third.post_message(2).value();
    while (heard.all.size() < 3) co_await yield();
    co_await third.terminate();
  });
  EXPECT_EQ(heard.text(), "online, 1, 2, exit 1");
}

TEST_F(WorkerTest, StopsAThreadThatItsHandleIsAssignedOver) {
  std::atomic<bool> ended{false};
  run([&]() -> Task<> {
    Worker worker([&ended] {
      spin_until_stopped();
      ended = true;
    });
    worker.on_exit([](int) { ADD_FAILURE() << "nobody is there to be told"; });
    worker.unref();
    while (worker.event_loop_utilization().active == Duration::zero()) co_await sleep(1ms);
    worker = Worker([] { return 5; });
    EXPECT_TRUE(ended);
    EXPECT_EQ(co_await worker.exited(), 5);
  });
}

TEST_F(WorkerTest, IsStoppedAndJoinedByItsDestructor) {
  std::atomic<bool> ended{false};
  run([&]() -> Task<> {
    Worker worker([&ended] {
      tell_owner(1);
      spin_until_stopped();
      ended = true;
    });
    worker.on_exit([](int) { ADD_FAILURE() << "nobody is there to be told"; });
    co_await worker.receive();
  });
  EXPECT_TRUE(ended);
}

TEST_F(WorkerTest, KeepsItsOwnersLoopAliveUntilItsExit) {
  Loop loop;
  Heard heard;
  Worker worker([]() -> Task<> { co_await sleep(5ms); });
  heard.listen(worker);
  EXPECT_TRUE(worker.has_ref());
  loop.run_until_idle();
  EXPECT_EQ(heard.text(), "online, exit 0");
  EXPECT_FALSE(worker.has_ref());
  EXPECT_EQ(loop.refs(), 0U);
}

TEST_F(WorkerTest, KeepsNothingAliveWithoutARef) {
  Loop loop;
  Heard heard;
  Worker worker(echo);
  heard.listen(worker);
  worker.unref();
  worker.unref();
  EXPECT_FALSE(worker.has_ref());
  loop.run_until_idle();
  EXPECT_TRUE(worker.running());
  EXPECT_EQ(heard.text(), "");
  worker.ref();
  EXPECT_TRUE(worker.has_ref());
  EXPECT_EQ(loop.refs(), 1U);
  worker.on_online([&] { worker.unref(); });
  loop.run_until_idle();  // until then
  EXPECT_TRUE(worker.running());
}

}  // namespace
}  // namespace brigade::threads
