#include "stress/leftovers.hpp"

#include <brigade/locks.hpp>
#include <brigade/task.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace stress {
namespace {

std::size_t count_threads() {
  std::size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name != "brigade-wait") ++count;
  }
  return count;
}

std::size_t count_segments() {
  std::size_t count = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:") != std::string::npos) ++count;
  }
  return count;
}

std::size_t resident() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Belongings Belongings::now() {
  return {.threads = count_threads(),
          .descriptors = static_cast<std::size_t>(
              std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                            std::filesystem::directory_iterator())),
          .segments = count_segments(),
          .resident_bytes = resident()};
}

Belongings Belongings::settled() {
  using namespace std::chrono_literals;
  constexpr int quiet_looks = 10;
  Belongings least = now();
  for (int quiet = 0, looks = 0; quiet < quiet_looks && looks < 200; ++quiet, ++looks) {
    std::this_thread::sleep_for(20ms);
    const Belongings next = now();
    const auto lower = [&quiet](std::size_t& kept, std::size_t seen) {
      if (seen < kept) quiet = 0;
      kept = std::min(kept, seen);
    };
    lower(least.threads, next.threads);
    lower(least.descriptors, next.descriptors);
    lower(least.segments, next.segments);
    least.resident_bytes = next.resident_bytes;
  }
  return least;
}

std::string left_over(const Belongings& before, const Belongings& after) {
  std::string out;
  const auto compare = [&out](const char* what, std::size_t was, std::size_t is) {
    if (is > was) out += fmt::format("{} {}, {} at the start; ", is, what, was);
  };
  compare("threads", before.threads, after.threads);
  compare("descriptors", before.descriptors, after.descriptors);
  compare("shared segments", before.segments, after.segments);
  if (const long frames = brigade::detail::live_frames(); frames != 0) {
    out += fmt::format("{} coroutine frames; ", frames);
  }
  const brigade::locks::Snapshot locks = brigade::locks::query();
  if (!locks.held.empty() || !locks.pending.empty()) {
    out += fmt::format("{} locks held and {} asked for; ", locks.held.size(), locks.pending.size());
  }
  return out;
}

}  // namespace stress
