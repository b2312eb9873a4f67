// Environment variables of threads.
#include <brigade/thread_run.hpp>
#include <brigade/worker_thread.hpp>

#include "unit/threads/worker_support.hpp"

#include <cstdlib>
#include <thread>

namespace brigade::threads {
namespace {

using testing_support::tell_owner;

class EnvironmentTest : public testing_support::WorkerFixture {};

TEST_F(EnvironmentTest, KeepsWhatIsSetUntilItIsUnset) {
  Environment variables({{"a", "1"}});
  EXPECT_EQ(variables.get("a"), "1");
  EXPECT_FALSE(variables.get("b"));
  variables.set("b", "2");
  variables.set("a", "one");
  EXPECT_EQ(variables.all(), (Environment::Map{{"a", "one"}, {"b", "2"}}));
  variables.unset("a");
  variables.unset("never there");
  EXPECT_EQ(variables.all(), (Environment::Map{{"b", "2"}}));
}

TEST_F(EnvironmentTest, OfTheProcessIsWhatItWasStartedWith) {
  const auto started_with = Environment::of_process();
  ASSERT_NE(std::getenv("PATH"), nullptr);
  EXPECT_EQ(started_with.at("PATH"), std::getenv("PATH"));
  EXPECT_EQ(environment().get("PATH"), started_with.at("PATH"));
}

TEST_F(EnvironmentTest, OfTheMainThreadDoesNotChangeTheProcesss) {
  environment().set("BRIGADE_TEST_MAIN", "1");
  EXPECT_EQ(std::getenv("BRIGADE_TEST_MAIN"), nullptr);
  std::optional<std::string> elsewhere;
  std::thread([&] { elsewhere = environment().get("BRIGADE_TEST_MAIN"); }).join();
  EXPECT_EQ(elsewhere, "1");  // a thread that is no worker thread sees the main thread's
  environment().unset("BRIGADE_TEST_MAIN");
}

TEST_F(EnvironmentTest, IsACopyOfTheOwnersAsItWasWhenTheThreadWasMade) {
  run([&]() -> Task<> {
    environment().set("BRIGADE_TEST_COPY", "before");
    Worker worker([]() -> Task<> {
      co_await parent_port().receive();
      tell_owner(environment().get("BRIGADE_TEST_COPY"));
      environment().set("BRIGADE_TEST_COPY", "worker's");
    });
    environment().set("BRIGADE_TEST_COPY", "after");
    worker.post_message(1).value();
    EXPECT_EQ(co_await worker.receive<std::string>(), "before");
    co_await worker.exited();
    EXPECT_EQ(environment().get("BRIGADE_TEST_COPY"), "after");
    environment().unset("BRIGADE_TEST_COPY");
  });
}

TEST_F(EnvironmentTest, IsTheThreadsOwnWhenOneIsGiven) {
  run([&]() -> Task<> {
    Worker worker(
        [] {
          tell_owner(environment().get("PATH").has_value());
          tell_owner(environment().get("ONLY"));
        },
        {.env = Environment::Map{{"ONLY", "this"}}});
    EXPECT_EQ(co_await worker.receive<bool>(), false);
    EXPECT_EQ(co_await worker.receive<std::string>(), "this");
  });
}

TEST_F(EnvironmentTest, IsEmptyWhenAnEmptyOneIsGiven) {
  run([&]() -> Task<> {
    Worker worker([] { tell_owner(environment().all().size()); }, {.env = Environment::Map()});
    EXPECT_EQ(co_await worker.receive<int>(), 0);
  });
}

TEST_F(EnvironmentTest, IsReadAndWrittenByBothWhenItIsShared) {
  run([&]() -> Task<> {
    Worker worker(
        []() -> Task<> {
          environment().set("BRIGADE_TEST_SHARED", "worker's");
          tell_owner(1);
          co_await parent_port().receive();
          tell_owner(environment().get("BRIGADE_TEST_SHARED"));
        },
        {.share_env = true});
    co_await worker.receive();
    EXPECT_EQ(environment().get("BRIGADE_TEST_SHARED"), "worker's");
    environment().set("BRIGADE_TEST_SHARED", "owner's");
    worker.post_message(1).value();
    EXPECT_EQ(co_await worker.receive<std::string>(), "owner's");
    environment().unset("BRIGADE_TEST_SHARED");
  });
}

TEST_F(EnvironmentTest, OfANestedThreadComesFromItsOwnOwner) {
  run([&]() -> Task<> {
    Worker outer(
        []() -> Task<> {
          environment().set("TWO", "2");
          Worker inner([] { tell_owner(environment().all().size()); });
          auto size = co_await inner.receive<int>();
          tell_owner(*size);
        },
        {.env = Environment::Map{{"ONE", "1"}}});
    EXPECT_EQ(co_await outer.receive<int>(), 2);
  });
}

TEST_F(EnvironmentTest, OfAThreadForOneComputationIsItsMakers) {
  run([&]() -> Task<> {
    Worker worker(
        []() -> Task<> {
          auto one = co_await threads::run([] { return environment().get("ONE"); });
          tell_owner(one);
        },
        {.env = Environment::Map{{"ONE", "1"}}});
    EXPECT_EQ(co_await worker.receive<std::string>(), "1");
  });
}

TEST_F(EnvironmentTest, MayBeUsedByManyThreadsAtOnce) {
  run([&]() -> Task<> {
    const auto use = [](int own) {
      for (int i = 0; i < 1000; ++i) {
        environment().set("BRIGADE_TEST_" + std::to_string(own), std::to_string(i));
        EXPECT_TRUE(environment().get("BRIGADE_TEST_" + std::to_string(own)));
        if (i % 100 == 0) environment().all();
      }
      environment().unset("BRIGADE_TEST_" + std::to_string(own));
    };
    std::vector<Worker> workers;
    for (int i = 0; i < 4; ++i)
      workers.emplace_back(use, WorkerOptions{.worker_data = i, .share_env = true});
    for (Worker& worker : workers) co_await worker.exited();
  });
}

}  // namespace
}  // namespace brigade::threads
