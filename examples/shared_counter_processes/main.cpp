// The same with processes: memory that all workers of a cluster have, by name.
#include <fmt/format.h>
#include <brigade/atomics.hpp>
#include <brigade/cluster.hpp>
#include <brigade/cluster_shared.hpp>
#include <brigade/loop.hpp>

#include <cstdint>

using namespace brigade;

Task<SharedArray<std::int64_t>> counter() {
  auto shared = co_await cluster::shared_array<std::int64_t>("counter", 1);
  co_return std::move(shared).value();
}

// In a worker: a process of its own, started from this very program.
Task<int> count() {
  auto shared = co_await counter();
  for (int step = 0; step < 100'000; ++step) atomics::add(shared[0], 1);
  cluster::disconnect();  // leaves of its own will, so it is not replaced
  co_return 0;
}

int main() {
  if (cluster::is_worker()) return run_main(count);

  Loop loop;
  cluster::Primary primary;
  for (int worker = 0; worker < 2; ++worker) primary.fork();
  const int code = primary.run();  // until both are gone; what they counted is still there
  auto shared = loop.run(counter());
  fmt::print("{}\n", atomics::load(shared[0]));
  return code;
}
