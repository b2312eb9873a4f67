// A task waits for a cell of shared memory, and its loop goes on meanwhile.
#include <fmt/format.h>
#include <brigade/shared_array.hpp>
#include <brigade/task_group.hpp>
#include <brigade/wait_async.hpp>
#include <brigade/worker_thread.hpp>

#include <cstdint>

using namespace brigade;

// On a thread that computes: it could as well be another process.
void compute(SharedArray<std::int32_t> shared) {
  atomics::store(shared[0], 42);  // first the value, then the call
  atomics::notify(shared[0]);
}

Task<> wait_for_result(SharedArray<std::int32_t> shared) {
  while (atomics::load(shared[0]) == 0) {  // the value is what counts, the call only says: look
    co_await atomics::wait_async(shared[0], 0);
  }
  fmt::print("result {}\n", atomics::load(shared[0]));
}

Task<int> run_both() {
  auto shared = SharedArray<std::int32_t>::create(1);
  TaskGroup tasks;
  tasks.spawn(wait_for_result(shared));
  fmt::print("the loop is free\n");
  threads::Worker worker(compute, {.worker_data = shared});
  co_await tasks.join();
  co_await worker.exited();

  using namespace std::chrono_literals;
  const auto result = co_await atomics::wait_async(shared[0], 42, 10ms);
  fmt::print("nobody else: {}\n", atomics::to_string(result));
  co_return 0;
}

int main() {
  return run_main(run_both);
}
