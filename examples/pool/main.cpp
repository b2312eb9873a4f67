// What can be said about a job of a thread pool, and what then happens.
#include <fmt/format.h>
#include <brigade/sleep.hpp>
#include <brigade/task_group.hpp>
#include <brigade/thread_pool.hpp>

#include <stop_token>

using namespace brigade;
using namespace std::chrono_literals;

int square(int number) {
  return number * number;
}

// Asks for a std::stop_token by its first parameter: it is triggered when nobody wants the result.
void compute_for_ever(std::stop_token stop) {
  while (!stop.stop_requested()) {
  }
}

Task<> occupy(ThreadPool pool, std::stop_token enough) {
  try {
    co_await pool.run({.name = "endless", .priority = 10, .stop_token = enough}, compute_for_ever);
  } catch (const Cancelled&) {
    fmt::print("endless: cancelled\n");
  }
}

Task<> ask(ThreadPool pool, const char* name, int priority) {
  const int result = co_await pool.run({.name = name, .priority = priority}, square, priority);
  fmt::print("{}: {}\n", name, result);
}

Task<> ask_in_vain(ThreadPool pool) {
  try {
    co_await pool.run({.name = "late", .wait_deadline = 20ms}, square, 1);
  } catch (const PoolWaitDeadline& error) {
    fmt::print("{}\n", error.what());
  }
}

Task<int> show() {
  ThreadPool pool({.max_queue = 3, .threads = 1});
  const int result = co_await pool.run(square, 7);  // most jobs need no more than this
  fmt::print("{}\n", result);

  std::stop_source enough;
  TaskGroup group;
  group.spawn(occupy(pool, enough.get_token()));  // the only thread is busy now, so these wait:
  group.spawn(ask(pool, "low", -5));
  group.spawn(ask(pool, "high", 5));
  group.spawn(ask_in_vain(pool));
  auto refused = co_await pool.try_run(square, 2);  // a fourth finds the queue full
  fmt::print("{}\n", refused ? "taken" : refused.error().message());  // run() throws Overloaded
  while (pool.queued() > 2) co_await sleep(1ms);                      // until "late" has given up
  enough.request_stop();
  co_await group.join();

  try {
    co_await pool.run({.name = "slow", .run_deadline = 20ms}, compute_for_ever);
  } catch (const PoolRunDeadline& error) {
    fmt::print("{}\n", error.what());
  }
  const PoolStats stats = pool.stats();
  fmt::print("done {}, refused {}, expired {}\n", stats.done, stats.refused, stats.expired);
  co_await pool.close();  // what is inside is finished
  co_return 0;
}

int main() {
  return run_main(show);
}
