// What every fuzz target has: one function that takes any bytes and demands what must always hold,
// and inputs to begin with. libFuzzer drives it (scripts/fuzz), and so does replay.cpp, with the
// seeds and some thousands of fixed mutations of them, in every build.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

/// `requests` are the conformance corpus's.
std::vector<std::string> seeds(const std::vector<std::string>& requests);

inline void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Where to cut an input: its own bytes decide, so that mutations try other cuts.
class Cuts {
 public:
  explicit Cuts(std::string_view input) {
    for (char c : input) state_ = state_ * 31 + static_cast<unsigned char>(c);
  }
  /// From 1 to `most`, short ones more often.
  std::size_t next(std::size_t most) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    const std::uint64_t random = state_ >> 33;
    const std::size_t size = random % 4 == 0 ? random / 4 % 64 + 1 : random / 4 % 4 + 1;
    return size < most ? size : most;
  }

 private:
  std::uint64_t state_ = 1;
};

}  // namespace fuzz
