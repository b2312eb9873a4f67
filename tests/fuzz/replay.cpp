// Runs a fuzz target without a fuzzer: replay_NAME CASES.jsonl [--write DIRECTORY] [FILE]...
//
// Its seeds, a fixed number of mutations of them, and files (a finding, for instance). --write puts
// the seeds into files instead, for a fuzzer to begin with.
#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "fuzz.hpp"
#include "runner/corpus.hpp"

namespace {

constexpr int mutations = 20'000;
constexpr std::size_t longest = 4096;  // of what is mutated: the rest is repetition

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::string mutated(std::string input, std::mt19937& random, const std::string& other) {
  static constexpr std::string_view marks = "\r\n \t:;,=\"\\%/?#[]{}()\0\x7f\x80\xff\x01";
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : random() % limit; };
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    const std::size_t at = below(input.size());
    switch (random() % 6) {
      case 0:
        if (!input.empty()) input[at] = static_cast<char>(random());
        break;
      case 1:
        input.insert(at, 1, marks[below(marks.size())]);
        break;
      case 2:
        input.erase(at, 1 + below(8));
        break;
      case 3:
        input.insert(at, other.substr(below(other.size()), 1 + below(40)));
        break;
      case 4:
        input.insert(at, input.substr(below(input.size()), 1 + below(20)));
        break;
      default:
        input.resize(at);
    }
  }
  return input;
}

void write_seeds(const std::vector<std::string>& seeds, const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  for (std::size_t index = 0; index < seeds.size(); ++index) {
    std::ofstream(directory / fmt::format("seed-{:04}", index), std::ios::binary) << seeds[index];
  }
}

int replay(const std::vector<std::string>& arguments) {
  std::vector<std::string> requests;
  for (const auto& one : conformance::load_cases(arguments.at(0))) requests.push_back(one.request);
  const std::vector<std::string> seeds = fuzz::seeds(requests);
  if (arguments.size() == 3 && arguments[1] == "--write") {
    write_seeds(seeds, arguments[2]);
    return 0;
  }
  std::vector<std::string> small;
  for (const std::string& seed : seeds) {
    run(seed);
    if (seed.size() <= longest) small.push_back(seed);
  }
  std::mt19937 random(20251);  // the same inputs each time
  for (int count = 0; count < mutations && !small.empty(); ++count) {
    run(mutated(small[random() % small.size()], random, small[random() % small.size()]));
  }
  for (std::size_t index = 1; index < arguments.size(); ++index) {
    std::ifstream file(arguments[index], std::ios::binary);
    if (!file) throw std::runtime_error(arguments[index] + " cannot be read");
    run({std::istreambuf_iterator<char>(file), {}});
  }
  fmt::print("{} seeds, {} mutations\n", seeds.size(), mutations);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} CASES.jsonl [--write DIRECTORY] [FILE]...\n", argv[0]);
    return 2;
  }
  try {
    return replay({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
