// How worker threads end, and what their owner hears.
#include <fmt/format.h>
#include <brigade/sleep.hpp>
#include <brigade/worker_thread.hpp>

#include <stdexcept>

using namespace brigade;
using namespace std::chrono_literals;

// Keeps state between messages, and lives until its owner has no more for it.
Task<int> total() {
  int sum = 0;
  while (auto number = co_await threads::parent_port().receive<int>()) {
    if (*number == 0) threads::exit(sum);  // no statement after it runs
    sum += *number;
  }
  co_return sum;
}

void fails() {
  threads::print("about to fail\n");
  throw std::runtime_error("the disk is full");
}

Task<> waits_for_ever() {
  while (true) co_await sleep(1h);  // a terminated thread gets Cancelled here
}

Task<> hear_everything() {
  threads::Worker worker(fails, {.name = "failing", .capture_output = true});
  worker.on_online([] { fmt::print("online\n"); });
  worker.on_output([](std::string_view text, bool) { fmt::print("it says: {}", text); });
  worker.on_error([](std::exception_ptr error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& what) {
      fmt::print("error: {}\n", what.what());
    }
  });
  worker.on_exit([](int code) { fmt::print("exit: {}\n", code); });
  co_await worker.exited();
}

Task<int> show() {
  threads::Worker adder(total, {.name = "adder"});
  for (const int number : {1, 2, 3, 0}) adder.post_message(number).value();
  const int sum = co_await adder.exited();
  fmt::print("exit code {}\n", sum);

  co_await hear_everything();

  try {
    threads::Worker worker(fails, {.capture_output = true});
    co_await worker.exited();  // without on_error: throws what escaped there
  } catch (const std::runtime_error& error) {
    fmt::print("thrown: {}\n", error.what());
  }

  threads::Worker sleeper(waits_for_ever);
  const int code = co_await sleeper.terminate();
  fmt::print("terminated: {}\n", code);
  co_return 0;
}

int main() {
  return run_main(show);
}
