// A seeded storm: a cluster under load is given one to three random faults a second. Then they
// cease, and must have left nothing behind: all workers serve, no zombie, no descriptor or thread
// of the primary too many, nobody was refused, every failure belongs to a worker that was killed,
// and what clients received was counted.
//
//     storm_cluster --seconds 600 --seed 7 [--workers 4]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <thread>

#include "storm/faults.hpp"
#include "support/load.hpp"

namespace storm {
namespace {

using namespace brigade::testing_support;

struct Options {
  int seconds = 8;
  std::uint64_t seed = 1;
  std::size_t workers = 4;
};

bool failed = false;

void complain(const std::string& what) {
  failed = true;
  fmt::print(stderr, "storm: {}\n", what);
}

// All positions are filled by workers that listen and live.
bool is_whole(const ServerProcess& server, std::size_t count) {
  try {
    const auto stats = server.stats();
    const auto& workers = stats.at("workers").as_array();
    return workers.size() == count && server.children().size() == count &&
           std::all_of(workers.begin(), workers.end(), [](const auto& worker) {
             return worker.at("state") == "listening" &&
                    is_alive(worker.at("pid").template to_number<pid_t>());
           });
  } catch (const ClientError&) {
    return false;  // the worker that was asked died of an earlier fault
  }
}

std::size_t count_threads(pid_t pid) {
  std::error_code ignored;
  const std::filesystem::directory_iterator all(fmt::format("/proc/{}/task", pid), ignored);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

void check_clients(const LoadResult& result, const Faults& faults) {
  if (result.other_status != 0) complain("a status that is not 200: " + result.text());
  for (const Failure& failure : result.failures) {
    if (failure.kind == ClientError::Kind::refused) complain("refused: " + failure.what);
    if (failure.kind == ClientError::Kind::timed_out) complain("timed out: " + failure.what);
    if (failure.kind == ClientError::Kind::malformed) complain("malformed: " + failure.what);
    if (failure.worker != 0 && !faults.killed().contains(failure.worker)) {
      complain(fmt::format("worker {} was not killed, and yet: {}", failure.worker, failure.what));
    }
  }
}

int play(const Options& options) {
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", std::to_string(options.workers)}});
  const std::size_t descriptors = count_descriptors(server.pid());
  const std::size_t threads = count_threads(server.pid());
  Faults faults(server, options.seed);
  Load load(server.port(), {.keep_alive = 4, .per_connection = 3});
  const Deadline end(std::chrono::seconds(options.seconds));
  while (!end.passed() && server.running()) {
    faults.one();
    std::this_thread::sleep_for(std::chrono::milliseconds(faults.pause_ms()));
  }
  faults.cease();
  if (!server.running()) {
    complain("the primary is gone:\n" + server.err());
    return 1;
  }
  // Positions may stand in back-off, at most 30 s, and predecessors in their drain.
  constexpr std::chrono::seconds calm(90);
  const bool whole = eventually([&] { return is_whole(server, options.workers); }, calm);
  if (!whole) complain("not all workers came back:\n" + server.get("/stats").body);
  if (!load.goes_on(200)) complain("the service does not go on");
  const LoadResult result = load.stop();
  check_clients(result, faults);
  const auto counted = server.stats().at("totals").at("requests").to_number<std::uint64_t>();
  if (counted < result.answered) {
    complain(fmt::format("{} answers received, {} counted", result.answered, counted));
  }
  if (!eventually([&] { return server.count_zombies() == 0; })) complain("zombies are left");
  if (!eventually([&] { return count_descriptors(server.pid()) <= descriptors; })) {
    complain(fmt::format("the primary has {} descriptors, {} at the start",
                         count_descriptors(server.pid()), descriptors));
  }
  if (count_threads(server.pid()) > threads) complain("the primary has more threads than before");
  const brigade::ExitStatus status = server.stop();
  if (!status.success()) complain("the primary " + status.text());
  if (!eventually([&] { return server.reap_orphans(); })) complain("processes are left");
  fmt::print("storm: {} s, seed {}: {}{}: {}\n", options.seconds, options.seed, faults.summary(),
             result.text().substr(0, result.text().find('\n')), failed ? "FAILED" : "ok");
  if (failed) fmt::print(stderr, "{}\n", server.err());
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace storm

int main(int argc, char** argv) {
  storm::Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seconds") == 0) options.seconds = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--seed") == 0) options.seed = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--workers") == 0) {
      options.workers = static_cast<std::size_t>(std::atoi(argv[i + 1]));
    }
  }
  try {
    return storm::play(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "storm: {}\n", error.what());
    return 1;
  }
}
