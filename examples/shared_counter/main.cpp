// Four threads count in the same memory.
#include <fmt/format.h>
#include <brigade/atomics.hpp>
#include <brigade/shared_array.hpp>
#include <brigade/worker_thread.hpp>

#include <cstdint>
#include <vector>

using namespace brigade;

constexpr std::size_t start = 0;  // 0: wait; 1: go
constexpr std::size_t counter = 1;

void count(SharedArray<std::int32_t> shared) {
  atomics::wait(shared[start], 0);  // sleeps while it is 0, until somebody notifies
  for (int step = 0; step < 100'000; ++step) atomics::add(shared[counter], 1);
}

Task<int> run_threads() {
  auto shared = SharedArray<std::int32_t>::create(2);  // zeros; a copy is the same memory
  std::vector<threads::Worker> workers;
  for (int number = 0; number < 4; ++number) {
    workers.emplace_back(count, threads::WorkerOptions{.worker_data = shared});
  }
  atomics::store(shared[start], 1);  // first the value, then the call
  atomics::notify(shared[start]);
  for (threads::Worker& worker : workers) co_await worker.exited();
  fmt::print("{}\n", atomics::load(shared[counter]));
  co_return 0;
}

int main() {
  return run_main(run_threads);
}
