// Random things with threads, ports, shared memory and pools, many at once and some of them
// cancelled, for so many seconds; then nothing may be left of them. Prints one line of what it did.
#include <brigade/log.hpp>
#include <brigade/loop.hpp>
#include <brigade/sleep.hpp>
#include <brigade/when.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "stress/leftovers.hpp"
#include "stress/play.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BRIGADE_SANITIZED 1
#endif
#endif

namespace stress {
namespace {

using namespace brigade;
using namespace std::chrono_literals;

std::atomic<bool> any_complaint{false};

struct Action {
  const char* name;
  Task<> (*play)(Dice& dice);
};
constexpr Action actions[] = {{"worker", play_worker},
                              {"nested workers", play_nested_workers},
                              {"moving port", play_moving_port},
                              {"closing ports", play_closing_ports},
                              {"broadcast", play_broadcast},
                              {"locks", play_locks},
                              {"letters", play_letters},
                              {"pool", play_pool},
                              {"run", play_run},
                              {"buffer", play_buffer},
                              {"wait", play_wait},
                              {"async wait", play_async_wait}};

// One of several players: action after action, some of them cancelled on the way.
Task<> player(std::uint64_t seed, TimePoint until) {
  Dice dice(seed);
  while (monotonic_now() < until) {
    const Action& action = actions[dice.below(static_cast<int>(std::size(actions)))];
    try {
      if (dice.chance(20)) {
        const auto first = co_await when_any(action.play(dice), as_task(sleep(dice.up_to(3ms))));
        if (first.index() == 1) count(Count::cancelled);
      } else {
        // What still waits for something after a while waits for ever.
        const auto first = co_await when_any(action.play(dice), as_task(sleep(30s)));
        if (first.index() == 1) complain(fmt::format("{}: waits for ever", action.name));
      }
    } catch (const std::exception& error) {
      complain(fmt::format("{}: {}", action.name, error.what()));
    }
  }
}

void play_for(Duration time, std::uint64_t seed) {
  Loop loop;
  std::vector<Task<>> players;
  for (std::uint64_t i = 0; i < 6; ++i)
    players.push_back(player(seed * 100 + i, monotonic_now() + time));
  loop.run([](std::vector<Task<>> all) -> Task<> {
    co_await when_all(std::move(all));
  }(std::move(players)));
}

// Waits for what is on its way out: see Belongings::settled().
std::string settled_left_over(const Belongings& before) {
  std::string left;
  for (int i = 0; i < 100; ++i) {
    left = left_over(before, Belongings::now());
    if (left.empty()) break;
    std::this_thread::sleep_for(50ms);
  }
  return left;
}

int run(int seconds, std::uint64_t seed) {
  log::set_level(log::Level::error);  // pools warn of what is done to them here on purpose
  ::alarm(static_cast<unsigned>(seconds) + 90);           // a program that hangs is killed
  play_for(std::chrono::milliseconds(300), seed + 1000);  // what is made once and kept
  const Belongings before = Belongings::settled();
  play_for(std::chrono::seconds(seconds), seed);
  const std::string left = settled_left_over(before);
  if (!left.empty()) complain("left over: " + left);

  const Belongings after = Belongings::now();
  const double growth =
      (static_cast<double>(after.resident_bytes) - static_cast<double>(before.resident_bytes)) /
      (1 << 20);
  // Short of a leak the allocator's arenas grow to what the busiest moment needed. A sanitizer
  // keeps what is freed for a while.
#ifdef BRIGADE_SANITIZED
  constexpr double bound = 1024;
#else
  constexpr double bound = 32;
#endif
  if (growth > bound) complain(fmt::format("left over: {:.0f} MB of memory", growth));

  std::string line;
  for (std::size_t i = 0; i < names.size(); ++i) {
    line += fmt::format("{} {}, ", counts[i].load(), names[i]);
  }
  fmt::print("stress: {} s, seed {}: {}memory {:+.1f} MB: {}\n", seconds, seed, line, growth,
             complained() ? "FAILED" : "ok");
  return complained() ? 1 : 0;
}

}  // namespace

void complain(std::string_view what) {
  any_complaint = true;
  fmt::print(stderr, "stress: {}\n", what);
}

bool complained() {
  return any_complaint;
}

void expect_broken(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Broken&) {
  } catch (const std::exception& other) {
    complain(fmt::format("a worker failed: {}", other.what()));
  } catch (...) {
    complain("a worker failed with what is no std::exception");
  }
}

}  // namespace stress

int main(int argc, char** argv) {
  int seconds = 5;
  std::uint64_t seed = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seconds") == 0) seconds = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--seed") == 0) seed = std::strtoull(argv[i + 1], nullptr, 10);
  }
  return stress::run(seconds, seed);
}
