// Shared buffers in messages, waits on their words, and pools.
#include <brigade/atomics.hpp>
#include <brigade/shared_array.hpp>
#include <brigade/sleep.hpp>
#include <brigade/thread_pool.hpp>
#include <brigade/wait_async.hpp>
#include <brigade/when.hpp>
#include <brigade/worker_thread.hpp>

#include <optional>
#include <thread>

#include "stress/play.hpp"

namespace stress {

using namespace brigade;
using namespace std::chrono_literals;
using atomics::WaitResult;
using Words = SharedArray<std::int32_t>;

Task<> play_buffer(Dice& dice) {
  count(Count::workers);
  threads::Worker worker([]() -> Task<> {
    while (auto words = co_await threads::parent_port().receive<Words>()) {
      atomics::add((*words)[0], 1);
      (void)threads::parent_port().post_message(std::move(*words));
    }
  });
  const int buffers = dice.below(10);
  for (int i = 0; i < buffers; ++i) {
    count(Count::buffers);
    auto words = Words::create(static_cast<std::size_t>(1 + dice.below(2000)));
    require(worker.post_message(words).ok(), "a buffer was refused");
    if (dice.chance(20)) continue;  // its answer is taken later, or never
    auto back = co_await worker.receive<Words>();
    require(back.has_value() && atomics::load((*back)[0]) == 1, "a buffer came back as another");
  }
}

Task<> play_wait(Dice& dice) {
  auto words = Words::create(1);
  std::vector<threads::Worker> workers;
  for (int i = 0; i < 2; ++i) {
    count(Count::workers);
    workers.emplace_back([words, timeout = dice.up_to(5ms)] {
      while (!threads::stop_requested()) {
        count(Count::waits);
        if (atomics::wait(words[0], 0, timeout) == WaitResult::not_equal) return;
      }
    });
  }
  const int notifies = dice.below(20);
  for (int i = 0; i < notifies; ++i) {
    require(atomics::notify(words[0], 1) <= 1, "a notify woke more than it was told to");
    co_await sleep(dice.up_to(500us));
  }
  if (dice.chance(50)) {
    atomics::store(words[0], 1);
    atomics::notify(words[0]);
    for (threads::Worker& worker : workers) {
      if (dice.chance(50)) co_await worker.exited();
    }
  }
}

Task<> play_async_wait(Dice& dice) {
  auto words = Words::create(1);
  const auto wait = [](Words on, Duration timeout) -> Task<> {
    count(Count::async_waits);
    co_await atomics::wait_async(on[0], 0, timeout);
  };
  std::vector<Task<>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(wait(words, dice.up_to(5ms)));
  const auto notify = [&]() -> Task<> {
    for (int i = 0; i < 3; ++i) {
      atomics::notify(words[0], 1);
      co_await sleep(dice.up_to(1ms));
    }
  };
  const auto all = [&]() -> Task<> { co_await when_all(std::move(tasks)); };
  if (dice.chance(50)) {
    co_await when_any(all(), notify());
  } else {
    co_await when_all(all(), notify());
  }
}

Task<> play_pool(Dice& dice) {
  count(Count::pools);
  const ThreadPool pool({.max_queue = static_cast<std::size_t>(dice.below(8)),
                         .threads = static_cast<unsigned>(1 + dice.below(3)),
                         .recycle_after = dice.chance(20) ? 2U : 0U});
  const auto job = [](ThreadPool on, std::int64_t seed) -> Task<> {
    Dice own(static_cast<std::uint64_t>(seed));
    const bool breaks = own.chance(20);
    JobOptions options;
    if (own.chance(20)) options.wait_deadline = own.up_to(1ms);
    if (own.chance(20)) options.run_deadline = own.up_to(1ms);
    options.priority = own.below(3);
    try {
      co_await on.run(options, [breaks, time = own.up_to(500us)](const std::stop_token& stop) {
        const TimePoint until = monotonic_now() + time;
        while (monotonic_now() < until && !stop.stop_requested()) std::this_thread::yield();
        if (breaks) throw Broken();
      });
      require(!breaks, "a pool lost an exception");
    } catch (const Broken&) {
    } catch (const Overloaded&) {
    } catch (const PoolRunDeadline&) {
    }
    count(Count::jobs);
  };
  std::vector<Task<>> jobs;
  for (int i = 0; i < 10; ++i) jobs.push_back(job(pool, dice.seed()));
  const auto end = [&]() -> Task<> {
    co_await sleep(dice.up_to(2ms));
    if (dice.chance(30)) {
      co_await pool.close(dice.up_to(2ms));
    } else if (dice.chance(50)) {
      co_await pool.destroy();
    }
  };
  const auto all = [&]() -> Task<> { co_await when_all(std::move(jobs)); };
  if (dice.chance(30)) {
    co_await when_any(all(), end());
  } else {
    co_await when_all(all(), end());
  }
}

}  // namespace stress
