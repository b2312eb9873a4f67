// A worker thread that computes, and says how far it is.
#include <fmt/format.h>
#include <brigade/worker_thread.hpp>

using namespace brigade;

struct Progress {  // described, so that it can be a message
  int below = 0;
  int primes = 0;
};
BOOST_DESCRIBE_STRUCT(Progress, (), (below, primes))

bool is_prime(int number) {
  for (int divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return number >= 2;
}

// Runs on the thread: its parameter is worker_data, what it posts goes to its owner, what it
// returns is the exit code.
int count_primes(int limit) {
  Progress progress;
  for (int number = 0; number < limit; ++number) {
    if (threads::stop_requested()) return 1;  // terminate() can only ask
    progress.primes += is_prime(number);
    progress.below = number + 1;
    if (progress.below % 50'000 == 0) threads::parent_port().post_message(progress).value();
  }
  return 0;
}

Task<int> count() {
  threads::Worker worker(count_primes, {.worker_data = 200'000, .name = "primes"});
  worker.on_message([](Progress progress) {
    fmt::print("below {}: {} primes\n", progress.below, progress.primes);
  });
  const int code = co_await worker.exited();  // all its messages have come by then
  fmt::print("exit code {}\n", code);
  co_return code;
}

int main() {
  return run_main(count);
}
