// print() and print_error() of worker threads.
#include <brigade/worker_thread.hpp>

#include "unit/threads/worker_support.hpp"

#include <algorithm>

namespace brigade::threads {
namespace {

using testing_support::Heard;
using testing_support::tell_owner;

class WorkerOutputTest : public testing_support::WorkerFixture {};

TEST_F(WorkerOutputTest, GoesToTheOwnerInOrderWithTheMessages) {
  Heard heard;
  run([&]() -> Task<> {
    Worker worker(
        [] {
          print("a");
          tell_owner(1);
          print_error("b\n");
          tell_owner(2);
          print("c\nd");
        },
        {.capture_output = true});
    heard.listen(worker);
    co_await worker.exited();
  });
  EXPECT_EQ(heard.text(), "online, stdout: a\n, 1, stderr: b\n, 2, stdout: c\nd\n, exit 0");
}

TEST_F(WorkerOutputTest, IsAllThereBeforeTheErrorAndTheExit) {
  std::size_t lines = 0;
  bool over = false;
  run([&]() -> Task<> {
    Worker worker(
        [] {
          for (int i = 0; i < 10'000; ++i) print("line");
          throw std::runtime_error("broken");
        },
        {.capture_output = true});
    worker.on_output([&](std::string_view text, bool is_error) {
      lines += text == "line\n" && !is_error && !over ? 1 : 0;
    });
    worker.on_error([&](const std::exception_ptr&) { over = true; });
    co_await worker.exited();
  });
  EXPECT_EQ(lines, 10'000U);
  EXPECT_TRUE(over);
}

TEST_F(WorkerOutputTest, IsNotHeldUpByMaxQueue) {
  int lines = 0;
  run([&]() -> Task<> {
    Worker worker(
        [] {
          for (int i = 0; i < 100; ++i) print("line");
          EXPECT_TRUE(parent_port().post_message(1).ok());
        },
        {.capture_output = true, .max_queue = 1});
    worker.on_output([&](std::string_view, bool) { ++lines; });
    co_await worker.exited();
  });
  EXPECT_EQ(lines, 100);
}

TEST_F(WorkerOutputTest, IsDroppedWhereTheOwnerCapturesButDoesNotListen) {
  run([&]() -> Task<> {
    Worker worker([] { print("unheard"); }, {.capture_output = true});
    EXPECT_EQ(co_await worker.exited(), 0);
  });
}

TEST_F(WorkerOutputTest, GoesToTheProcessWhenItIsNotCaptured) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  run([&]() -> Task<> {
    Worker worker([] {
      print("to stdout");
      print_error("to stderr\n");
    });
    worker.on_output([](std::string_view, bool) { ADD_FAILURE() << "it was not asked for"; });
    co_await worker.exited();
  });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "to stderr\n");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "to stdout\n");
}

TEST_F(WorkerOutputTest, OfSeveralThreadsComesInWholeLines) {
  testing::internal::CaptureStdout();
  run([&]() -> Task<> {
    const auto talk = [] {
      for (int i = 0; i < 500; ++i)
        print(std::string(100, static_cast<char>('a' + thread_id() % 26)));
    };
    Worker one(talk);
    Worker two(talk);
    co_await one.exited();
    co_await two.exited();
  });
  const std::string out = testing::internal::GetCapturedStdout();
  EXPECT_EQ(out.size(), 1000U * 101);
  for (std::size_t at = 0; at < out.size(); at += 101) {
    ASSERT_EQ(out[at + 100], '\n');
    ASSERT_EQ(std::count(out.begin() + static_cast<std::ptrdiff_t>(at),
                         out.begin() + static_cast<std::ptrdiff_t>(at) + 100, out[at]),
              100);
  }
}

TEST_F(WorkerOutputTest, OfNoWorkerThreadGoesToTheProcess) {
  testing::internal::CaptureStdout();
  print("main");
  print("");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "main\n\n");
}

}  // namespace
}  // namespace brigade::threads
