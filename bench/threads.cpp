// What worker threads and messages cost: bench_threads [seconds per measurement]
//
// Prints one line per measurement: name, median, and what it is in. The eventfd ping-pong is the
// lower bound for a round trip that wakes: both ends do nothing else.
#include <brigade/cells.hpp>
#include <brigade/fd.hpp>
#include <brigade/sleep.hpp>
#include <brigade/thread_run.hpp>
#include <brigade/worker_thread.hpp>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace brigade;
using namespace std::chrono_literals;

namespace {

double micros(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto index = static_cast<std::size_t>(share * static_cast<double>(values.size()));
  return values.empty() ? 0 : values[std::min(index, values.size() - 1)];
}

std::size_t resident_kb() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

Task<> thread_start(int rounds) {
  std::vector<double> online;
  std::vector<double> ended;
  for (int round = 0; round < rounds; ++round) {
    const TimePoint before = monotonic_now();
    threads::Worker worker([] {});
    worker.on_online([&] { online.push_back(micros(monotonic_now() - before)); });
    co_await worker.exited();
    ended.push_back(micros(monotonic_now() - before));
  }
  fmt::print("worker thread, create to online heard    median {:8.1f} us   p99 {:8.1f}\n",
             median(online), percentile(online, 0.99));
  fmt::print("worker thread, create to exit heard      median {:8.1f} us   p99 {:8.1f}\n",
             median(ended), percentile(ended, 0.99));
}

Task<> thread_run(int rounds) {
  std::vector<double> took;
  for (int round = 0; round < rounds; ++round) {
    const TimePoint before = monotonic_now();
    auto result = co_await threads::run([](int value) { return value + 1; }, round);
    if (result != round + 1) std::abort();
    took.push_back(micros(monotonic_now() - before));
  }
  fmt::print("threads::run, result back                median {:8.1f} us   p99 {:8.1f}\n",
             median(took), percentile(took, 0.99));
}

void std_thread(int rounds) {
  std::vector<double> running;
  for (int round = 0; round < rounds; ++round) {
    const TimePoint before = monotonic_now();
    TimePoint began;
    std::thread thread([&began] { began = monotonic_now(); });
    thread.join();
    running.push_back(micros(began - before));
  }
  fmt::print("std::thread, create to running           median {:8.1f} us   p99 {:8.1f}\n",
             median(running), percentile(running, 0.99));
}

void echo() {
  threads::parent_port().on_message(
      [](Value message) { threads::parent_port().post_message(std::move(message)).value(); });
}

Task<> idle_memory(int count) {
  std::vector<std::unique_ptr<threads::Worker>> workers;
  const std::size_t before = resident_kb();
  for (int index = 0; index < count; ++index) {
    workers.push_back(std::make_unique<threads::Worker>(echo));
  }
  for (auto& worker :
       workers) {  // an answer from each: its handler is set, and it has nothing to do
    worker->post_message(1).value();
    co_await worker->receive();
  }
  fmt::print("memory per idle worker thread            {:15.1f} kB   ({} threads)\n",
             static_cast<double>(resident_kb() - before) / count, count);
  for (auto& worker : workers) co_await worker->terminate();
}

Task<> echoes(int outstanding, Duration time) {
  threads::Worker worker(echo);
  worker.post_message(0).value();
  co_await worker.receive();
  for (int index = 0; index < outstanding; ++index) worker.post_message(index).value();
  const TimePoint before = monotonic_now();
  std::uint64_t count = 0;
  while (count % 256 != 0 || monotonic_now() - before < time) {
    auto message = co_await worker.receive();
    worker.post_message(std::move(*message)).value();
    ++count;
  }
  const double seconds = micros(monotonic_now() - before) / 1e6;
  fmt::print("message echoes, {:3} outstanding          {:15.0f} /s  {:8.2f} us each\n",
             outstanding, static_cast<double>(count) / seconds,
             seconds * 1e6 / static_cast<double>(count));
  co_await worker.terminate();
}

// Two threads, an epoll each, and an eventfd in each direction.
void eventfd_round_trips(int rounds) {
  struct Side {
    Fd event{::eventfd(0, EFD_CLOEXEC)};
    Fd poll{::epoll_create1(EPOLL_CLOEXEC)};
    Side() {
      epoll_event interest{.events = EPOLLIN | EPOLLET, .data = {}};
      ::epoll_ctl(poll.get(), EPOLL_CTL_ADD, event.get(), &interest);
    }
    void wait() {
      epoll_event ready{};
      while (::epoll_wait(poll.get(), &ready, 1, -1) != 1) {
      }
    }
    void wake() {
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = ::write(event.get(), &one, sizeof one);
    }
  };
  Side here;
  Side there;
  std::thread other([&] {
    for (int round = 0; round < rounds; ++round) {
      there.wait();
      here.wake();
    }
  });
  std::vector<double> took;
  for (int round = 0; round < rounds; ++round) {
    const TimePoint before = monotonic_now();
    there.wake();
    here.wait();
    took.push_back(micros(monotonic_now() - before));
  }
  other.join();
  fmt::print("bare eventfd and epoll, round trip       median {:8.1f} us   p99 {:8.1f}\n",
             median(took), percentile(took, 0.99));
}

Task<> round_trips(int rounds) {
  threads::Worker worker(echo);
  std::vector<double> took;
  for (int round = 0; round < rounds; ++round) {
    const TimePoint before = monotonic_now();
    worker.post_message(round).value();
    co_await worker.receive();
    took.push_back(micros(monotonic_now() - before));
  }
  fmt::print("message round trip                       median {:8.1f} us   p99 {:8.1f}\n",
             median(took), percentile(took, 0.99));
  co_await worker.terminate();
}

}  // namespace

int main(int argc, char** argv) {
  const int seconds = argc > 1 ? std::atoi(argv[1]) : 2;
  return run_main([seconds]() -> Task<int> {
    co_await idle_memory(64);
    std_thread(1000);
    co_await thread_start(1000);
    co_await thread_run(1000);
    eventfd_round_trips(5000);
    co_await round_trips(20000);
    co_await echoes(1, std::chrono::seconds(seconds));
    co_await echoes(64, std::chrono::seconds(seconds));
    co_await echoes(1024, std::chrono::seconds(seconds));
    co_return 0;
  });
}
