// What a worker thread is given.
#include <brigade/atomics.hpp>
#include <brigade/environment_data.hpp>
#include <brigade/shared_array.hpp>
#include <brigade/worker_thread.hpp>

#include <boost/describe.hpp>
#include "unit/threads/worker_support.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace brigade::threads {
namespace {

using testing_support::Heard;
using testing_support::tell_owner;

struct Job {
  int id = 0;
  std::string name;
};
BOOST_DESCRIBE_STRUCT(Job, (), (id, name))

class WorkerDataTest : public testing_support::WorkerFixture {};

TEST_F(WorkerDataTest, ReachesAParameterOfAnyType) {
  Heard heard;
  run([&]() -> Task<> {
    Worker number([](int value) { tell_owner(value + 1); }, {.worker_data = 42});
    Worker described([](Job job) { tell_owner(job.name); },
                     {.worker_data = Job{.id = 1, .name = "described"}});
    Worker coroutine(
        [](std::vector<int> values) -> Task<> {
          co_await yield();
          tell_owner(values.size());
        },
        {.worker_data = std::vector{1, 2, 3}});
    Worker value([](Value any) { tell_owner(std::move(any)); }, {.worker_data = "as it is"});
    EXPECT_EQ(co_await number.receive<int>(), 43);
    EXPECT_EQ(co_await described.receive<std::string>(), "described");
    EXPECT_EQ(co_await coroutine.receive<int>(), 3);
    EXPECT_EQ(co_await value.receive<std::string>(), "as it is");
  });
}

TEST_F(WorkerDataTest, IsFoundInTheThreadByAFunctionThatTakesNothing) {
  run([&]() -> Task<> {
    Worker worker(
        [] {
          EXPECT_EQ(worker_data<Job>().id, 7);
          EXPECT_EQ(worker_data<Job>().name, "seven");  // a copy each time
          EXPECT_THROW(worker_data<int>(), MessageError);
          Value mine = std::move(worker_data());
          EXPECT_TRUE(worker_data().is_null());
          tell_owner(std::move(mine));
        },
        {.worker_data = Job{.id = 7, .name = "seven"}});
    const auto back = co_await worker.receive<Job>();
    EXPECT_EQ(back->id, 7);
    EXPECT_EQ(co_await worker.exited(), 0);
  });
}

TEST_F(WorkerDataTest, IsNullWhereNothingWasGiven) {
  run([&]() -> Task<> {
    Worker worker([](Value nothing) { tell_owner(nothing.is_null()); });
    Worker optional([](std::optional<int> nothing) { tell_owner(nothing.has_value()); });
    EXPECT_EQ(co_await worker.receive<bool>(), true);
    EXPECT_EQ(co_await optional.receive<bool>(), false);
  });
}

TEST_F(WorkerDataTest, OfAnotherTypeIsAnErrorAtTheOwner) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker([](Job) { tell_owner("never"); }, {.worker_data = "text"});
    heard.listen(worker);
    co_await worker.exited();
  });
  ASSERT_EQ(heard.all.size(), 3U) << heard.text();
  EXPECT_NE(heard.all[1].find("expected an object, got a string"), std::string::npos)
      << heard.text();
  EXPECT_EQ(heard.all[2], "exit 1");
}

TEST_F(WorkerDataTest, ThatCannotTravelIsRefusedWhenItIsGiven) {
  EXPECT_THROW(WorkerData(~std::uint64_t{0}), MessageError);
}

TEST_F(WorkerDataTest, IsThereWhenTheOptionsAreAndDoesNotChangeWithTheOriginal) {
  run([&]() -> Task<> {
    Job job{.id = 1, .name = "before"};
    WorkerOptions options{.worker_data = job};
    job.name = "after";
    Worker worker([](Job mine) { tell_owner(mine.name); }, std::move(options));
    EXPECT_EQ(co_await worker.receive<std::string>(), "before");
  });
}

TEST_F(WorkerDataTest, CarriesBytesWithoutCopyingThem) {
  run([&]() -> Task<> {
    Bytes bytes(1 << 20, std::byte{7});
    const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
    Worker worker(
        [](Bytes mine) {
          tell_owner(static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(mine.data())));
          tell_owner(std::move(mine));
        },
        {.worker_data = std::move(bytes)});
    const auto there = co_await worker.receive<std::int64_t>();
    const auto back = co_await worker.receive<Bytes>();
    EXPECT_EQ(static_cast<std::uintptr_t>(*there), address);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(back->data()), address);
    EXPECT_EQ(back->size(), std::size_t{1} << 20);
  });
}

TEST_F(WorkerDataTest, CarriesPortsDescriptorsAndSharedMemory) {
  run([&]() -> Task<> {
    MessageChannel channel;
    auto shared = SharedArray<std::int32_t>::create(1);
    channel.port1.post_message("early").value();
    Worker worker(
        [](Value given) -> Task<> {
          auto port = std::move(given.at("port").as_port());
          auto word = SharedArray<std::int32_t>::over(given.at("shared").as_buffer()).value();
          atomics::store(word[0], 5);
          auto early = co_await port.receive();
          port.post_message(std::move(*early)).value();
        },
        {.worker_data = Value::object(
             {{"port", std::move(channel.port2)}, {"shared", Value(shared.buffer())}})});
    EXPECT_EQ(co_await channel.port1.receive<std::string>(), "early");
    EXPECT_FALSE(co_await channel.port1.receive());  // the thread has ended, and its port with it
    EXPECT_EQ(atomics::load(shared[0]), 5);
  });
}

TEST_F(WorkerDataTest, PortInItLosesTheHandlerThatItHadHere) {
  run([&]() -> Task<> {
    MessageChannel channel;
    channel.port2.on_message([](Value) { ADD_FAILURE() << "it has gone to the thread"; });
    Worker worker(
        [](MessagePort port) -> Task<> {
          auto message = co_await port.receive();
          port.post_message(std::move(*message)).value();
        },
        {.worker_data = std::move(channel.port2)});
    channel.port1.post_message("late").value();
    EXPECT_EQ(co_await channel.port1.receive<std::string>(), "late");
    co_await worker.exited();
  });
}

TEST_F(WorkerDataTest, PortInItIsClosedWhenTheThreadCannotStart) {
#ifdef BRIGADE_SANITIZED
  GTEST_SKIP() << "a sanitizer reports the failed mapping itself";
#endif
  run([&]() -> Task<> {
    MessageChannel channel;
    Worker worker([] {},
                  {.worker_data = std::move(channel.port2), .stack_size = std::size_t{1} << 46});
    worker.on_error([](const std::exception_ptr&) {});
    EXPECT_FALSE(co_await channel.port1.receive());
  });
}

TEST_F(WorkerDataTest, EnvironmentDataIsInheritedByLaterThreadsOnly) {
  run([&]() -> Task<> {
    const auto wait_and_tell = []() -> Task<> {
      co_await parent_port().receive();
      tell_owner(get_environment_data<int>("worker-data-test").value_or(0));
    };
    Worker early(wait_and_tell);
    set_environment_data("worker-data-test", 5).value();
    Worker late(wait_and_tell);
    set_environment_data("worker-data-test", nullptr).value();
    early.post_message(1).value();
    late.post_message(1).value();
    EXPECT_EQ(co_await early.receive<int>(), 0);
    EXPECT_EQ(co_await late.receive<int>(), 5);
  });
}

}  // namespace
}  // namespace brigade::threads
