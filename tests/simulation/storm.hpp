// One random storm.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simulation {

struct Account {
  std::size_t deaths = 0;
  std::size_t events = 0;
};

/// Throws Broken when a promise is not kept. The same seed is the same storm.
Account play_storm(std::uint64_t seed, bool trace);

}  // namespace simulation
