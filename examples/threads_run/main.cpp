// A thread and its result: what others call a promise or a future.
#include <fmt/format.h>
#include <brigade/thread_run.hpp>
#include <brigade/when.hpp>

#include <cstdint>
#include <stdexcept>

using namespace brigade;

// A plain function that computes for long: no loop could wait for it.
std::int64_t sum_of_squares(std::int64_t from, std::int64_t to) {
  if (from > to) throw std::invalid_argument("from must not be above to");
  std::int64_t sum = 0;
  for (std::int64_t number = from; number <= to; ++number) sum += number * number;
  return sum;
}

// One branch for when_all.
Task<std::int64_t> squares(std::int64_t from, std::int64_t to) {
  auto sum = co_await threads::run(sum_of_squares, from, to);
  co_return sum;
}

Task<int> compute() {
  auto sum = co_await threads::run(sum_of_squares, 1, 1'000'000);  // a thread, and its result
  fmt::print("one thread: {}\n", sum);

  auto halves = co_await when_all(squares(1, 500'000), squares(500'001, 1'000'000));
  fmt::print("two threads: {}\n", std::get<0>(halves) + std::get<1>(halves));

  try {
    co_await threads::run({.name = "backwards"}, sum_of_squares, 2, 1);
  } catch (const std::invalid_argument& error) {  // what it threw, as it threw it
    fmt::print("{}\n", error.what());
  }
  co_return 0;
}

int main() {
  return run_main(compute);
}
