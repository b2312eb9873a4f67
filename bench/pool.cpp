// Tasks per second from one thread through a thread pool and back, beside Boost.Asio's pool and
// oneTBB doing the same: the submitting thread keeps so many tiny jobs outstanding, and sends the
// next when a result is back on it.
//
//     bench_pool [seconds per round, 0.2] [rounds, 9]
//
// The rounds are interleaved, so that a slow moment of the machine hits all alike; the medians are
// printed. Threads: 1, and as many as CPUs.
#include <fmt/format.h>
#include <brigade/system.hpp>
#include <brigade/task_group.hpp>
#include <brigade/thread_pool.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#ifdef BRIGADE_BENCH_TBB
#include <oneapi/tbb/concurrent_queue.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Round {
  unsigned threads;
  unsigned outstanding;
  Clock::duration time;
};

std::uint64_t job(std::uint64_t value) {
  return value + 1;
}

double rate(std::uint64_t jobs, Clock::time_point began) {
  return static_cast<double>(jobs) / std::chrono::duration<double>(Clock::now() - began).count();
}

brigade::Task<> keep_busy(brigade::ThreadPool pool, Clock::time_point end, std::uint64_t& jobs) {
  // Not at each job: the peers do not either.
  for (std::uint64_t sum = 0; sum % 16 != 0 || Clock::now() < end;) {
    sum = co_await pool.run(job, sum);
    ++jobs;
  }
}

double brigade_pool(Round round, int nice) {
  brigade::Loop loop;
  const brigade::ThreadPool pool({.threads = round.threads, .nice = nice});
  brigade::TaskGroup group;
  std::uint64_t jobs = 0;
  const auto began = Clock::now();
  for (unsigned i = 0; i < round.outstanding; ++i) {
    group.spawn(keep_busy(pool, began + round.time, jobs));
  }
  loop.run([](brigade::TaskGroup& all) -> brigade::Task<> { co_await all.join(); }(group));
  return rate(jobs, began);
}

double asio_pool(Round round) {
  namespace asio = boost::asio;
  asio::io_context loop(1);
  asio::thread_pool pool(round.threads);
  std::uint64_t jobs = 0;
  const auto began = Clock::now();
  const auto end = began + round.time;
  auto guard = asio::make_work_guard(loop);
  unsigned running = round.outstanding;
  std::function<void(std::uint64_t)> next = [&](std::uint64_t sum) {
    if (sum % 16 == 0 && Clock::now() >= end) {
      if (--running == 0) guard.reset();
      return;
    }
    asio::post(pool, [&, sum] {
      const std::uint64_t result = job(sum);
      asio::post(loop, [&, result] {
        ++jobs;
        next(result);
      });
    });
  };
  for (unsigned i = 0; i < round.outstanding; ++i) next(0);
  loop.run();
  const double result = rate(jobs, began);
  pool.join();
  return result;
}

#ifdef BRIGADE_BENCH_TBB
double tbb_arena(Round round) {
  // One place of an arena is the submitter's own.
  const oneapi::tbb::global_control control(oneapi::tbb::global_control::max_allowed_parallelism,
                                            round.threads + 1);
  oneapi::tbb::task_arena arena(static_cast<int>(round.threads) + 1, 1);
  oneapi::tbb::concurrent_bounded_queue<std::uint64_t> results;
  std::uint64_t jobs = 0;
  const auto began = Clock::now();
  const auto end = began + round.time;
  const auto send = [&](std::uint64_t sum) {
    arena.enqueue([&results, sum] { results.push(job(sum)); });
  };
  for (unsigned i = 0; i < round.outstanding; ++i) send(0);
  for (unsigned running = round.outstanding; running != 0;) {
    std::uint64_t sum = 0;
    results.pop(sum);
    ++jobs;
    if (sum % 16 == 0 && Clock::now() >= end) {
      --running;
    } else {
      send(sum);
    }
  }
  return rate(jobs, began);
}
#endif

struct Contender {
  std::string name;
  std::function<double(Round)> run;
};

void compare(unsigned threads, unsigned outstanding, Clock::duration time, int rounds) {
  const std::vector<Contender> contenders = {
      {"brigade, nice 10", [](Round round) { return brigade_pool(round, 10); }},
      {"brigade, nice 0", [](Round round) { return brigade_pool(round, 0); }},
      {"boost::asio::thread_pool", asio_pool},
#ifdef BRIGADE_BENCH_TBB
      {"oneTBB task_arena", tbb_arena},
#endif
  };
  std::vector<std::vector<double>> rates(contenders.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      rates[i].push_back(contenders[i].run({threads, outstanding, time}));
    }
  }
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    std::sort(rates[i].begin(), rates[i].end());
    fmt::print("{} threads, {:2} outstanding  {:26} {:9.0f} tasks/s  ({:.0f} to {:.0f})\n", threads,
               outstanding, contenders[i].name, rates[i][rates[i].size() / 2], rates[i].front(),
               rates[i].back());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.2;
  const int rounds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 9;
  const auto time =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::vector<unsigned> threads = {1};
  if (brigade::available_parallelism() > 1) threads.push_back(brigade::available_parallelism());
  for (const unsigned count : threads) {
    for (const unsigned outstanding : {1U, 64U}) compare(count, outstanding, time, rounds);
  }
  return 0;
}
