// The supervisor through many random storms: workers that die, do not start, do not listen, do not
// go; reloads to good and bad programs, scaling, replacing, disconnecting, stopping, a primary
// that takes over from another, at any moment.
//
//     simulate_supervision --storms 100000 [--first-seed 1]
//     simulate_supervision --seed 4711 [--trace]
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "simulation/storm.hpp"

int main(int argc, char** argv) {
  std::uint64_t first = 1;
  std::uint64_t storms = 1000;
  bool trace = false;
  for (int index = 1; index < argc; ++index) {
    const auto value = [&] {
      return index + 1 < argc ? std::strtoull(argv[++index], nullptr, 10) : 0;
    };
    if (std::strcmp(argv[index], "--storms") == 0) storms = value();
    if (std::strcmp(argv[index], "--first-seed") == 0) first = value();
    if (std::strcmp(argv[index], "--trace") == 0) trace = true;
    if (std::strcmp(argv[index], "--seed") == 0) {
      first = value();
      storms = 1;
    }
  }
  simulation::Account sum;
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t seed = first; seed < first + storms; ++seed) {
    try {
      const simulation::Account one = simulation::play_storm(seed, trace);
      sum.deaths += one.deaths;
      sum.events += one.events;
    } catch (const std::exception& error) {
      fmt::print(stderr, "broken: {}\nreplay: simulate_supervision --seed {} --trace\n",
                 error.what(), seed);
      return 1;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{} storms, {} events, {} deaths in {:.1f} s\n", storms, sum.events, sum.deaths,
             took.count());
  return 0;
}
