// Worker threads that end in every way, and worker threads of worker threads.
#include <brigade/sleep.hpp>
#include <brigade/thread_run.hpp>
#include <brigade/when.hpp>
#include <brigade/worker_thread.hpp>

#include <optional>
#include <thread>

#include "stress/play.hpp"

namespace stress {

using namespace brigade;
using namespace std::chrono_literals;

namespace {

// Answers, and comes to an end of its own choice.
Task<> answer(std::int64_t seed) {
  Dice dice(static_cast<std::uint64_t>(seed));
  threads::at_exit([](int& code) { code += 100; });
  if (dice.chance(10)) throw Broken();
  if (dice.chance(10)) threads::exit(dice.below(10));
  if (dice.chance(10)) {
    while (!threads::stop_requested()) std::this_thread::yield();
    co_return;
  }
  const int messages = dice.below(200);
  for (int i = 0; i < messages; ++i) {
    auto message = co_await threads::parent_port().receive();
    if (!message) co_return;
    auto sent = co_await threads::parent_port().send(std::move(*message));
    if (!sent) co_return;
    if (dice.chance(1)) threads::print("a line of output");
    if (dice.below(200) == 0) throw Broken();
  }
}

// Depth 0 waits, throws or exits; others have threads of their own.
Task<> nest(std::int64_t depth, std::int64_t seed) {
  Dice dice(static_cast<std::uint64_t>(seed));
  std::vector<threads::Worker> workers;
  const int children = depth == 0 ? 0 : 1 + dice.below(2);
  for (int i = 0; i < children; ++i) {
    count(Count::nested_workers);
    workers.emplace_back([depth, below = dice.seed()] { return nest(depth - 1, below); });
  }
  co_await sleep(dice.up_to(3ms));
  if (dice.chance(20)) throw Broken();  // climbs: nobody on the way listens
  if (dice.chance(20)) threads::exit(5);
  if (dice.chance(30)) co_await sleep(1h);
  for (threads::Worker& worker : workers) co_await worker.exited();
}

}  // namespace

Task<> play_worker(Dice& dice) {
  count(Count::workers);
  struct Heard {
    int messages = 0;
    int errors = 0;
    bool exit = false;
  } heard;
  threads::Worker worker(
      answer,
      {.worker_data = dice.seed(), .capture_output = true, .max_queue = dice.chance(20) ? 8U : 0U});
  int next = 0;
  worker.on_message([&](int number) {
    require(number == next++, "messages of a worker are out of order");
    require(!heard.exit && heard.errors == 0, "a message came behind an error or the exit");
    count(Count::messages);
  });
  worker.on_error([&](const std::exception_ptr& error) {
    require(++heard.errors == 1 && !heard.exit, "an error came twice, or behind the exit");
    expect_broken(error);
    count(Count::worker_errors);
  });
  worker.on_exit([&](int) {
    require(!heard.exit, "a second exit");
    heard.exit = true;
  });
  if (dice.chance(20)) worker.unref();
  const int messages = dice.below(200);
  for (int i = 0; i < messages; ++i) {
    if (!worker.post_message(i)) break;
    if (dice.chance(5)) co_await yield();
  }
  if (dice.chance(10)) {
    threads::Worker moved(std::move(worker));
    co_await sleep(dice.up_to(1ms));
    co_return;  // destroyed while it runs
  }
  if (dice.chance(70)) {
    co_await sleep(dice.up_to(2ms));
    count(Count::terminations);
    co_await worker.terminate();
    require(heard.exit && !worker.running(), "terminated, and no exit was told");
  }
}

Task<> play_nested_workers(Dice& dice) {
  count(Count::workers);
  threads::Worker worker(
      [depth = dice.below(4), below = dice.seed()] { return nest(depth, below); });
  worker.on_error([](const std::exception_ptr& error) {
    expect_broken(error);
    count(Count::worker_errors);
  });
  co_await sleep(dice.up_to(5ms));
  if (dice.chance(50)) co_return;
  count(Count::terminations);
  co_await worker.terminate();
}

Task<> play_run(Dice& dice) {
  count(Count::runs);
  const int kind = dice.below(4);
  const Duration delay = dice.up_to(1ms);
  try {
    if (kind == 0) {
      const int sum = co_await threads::run([](int a, int b) { return a + b; }, 1, 2);
      require(sum == 3, "threads::run lost its result");
    } else if (kind == 1) {
      co_await threads::run([]() -> int { throw Broken(); });
    } else if (kind == 2) {
      co_await threads::run([delay]() -> Task<> { co_await sleep(delay); });
    } else {
      const auto spin = []() -> Task<> {
        co_await threads::run([] {
          while (!threads::stop_requested()) std::this_thread::yield();
        });
      };
      co_await when_any(spin(), as_task(sleep(delay)));
    }
  } catch (const Broken&) {
    require(kind == 1, "threads::run threw what it was not told to");
  }
}

}  // namespace stress
