// What all random actions have in common: dice, and a count of what was done.
#pragma once

#include <brigade/task.hpp>
#include <brigade/time.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <random>
#include <stdexcept>
#include <string_view>

namespace stress {

/// One per task or thread; a seed makes the same throws again, though not the same interleaving.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  /// 0 to sides - 1.
  int below(int sides) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(sides)); }
  bool chance(int percent) { return below(100) < percent; }
  brigade::Duration up_to(brigade::Duration longest) {
    return brigade::Duration(below(static_cast<int>(longest.count()) + 1));
  }
  std::int64_t seed() { return static_cast<std::int64_t>(engine_() >> 1); }

 private:
  std::mt19937_64 engine_;
};

enum class Count : std::size_t {
  workers,
  nested_workers,
  terminations,
  worker_errors,
  messages,
  ports_moved,
  ports_closed,
  broadcasts,
  locks,
  locks_stolen,
  jobs,
  pools,
  buffers,
  waits,
  async_waits,
  runs,
  letters,
  cancelled,
  number_of,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Count::number_of)> names = {
    "workers",      "nested workers", "terminations", "worker errors", "messages", "ports moved",
    "ports closed", "broadcasts",     "locks",        "locks stolen",  "jobs",     "pools",
    "buffers",      "waits",          "async waits",  "runs",          "letters",  "cancelled"};

inline std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Count::number_of)> counts{};

inline void count(Count what, std::uint64_t by = 1) {
  counts[static_cast<std::size_t>(what)].fetch_add(by, std::memory_order_relaxed);
}

/// What a thread of ours throws on purpose.
struct Broken : std::runtime_error {
  Broken() : std::runtime_error("broken on purpose") {}
};

/// A promise of the library that was not kept: the program says so, and ends with 1.
void complain(std::string_view what);
bool complained();
/// Complains of any exception but Broken.
void expect_broken(const std::exception_ptr& error);

inline void require(bool condition, std::string_view what) {
  if (!condition) complain(what);
}

// Each does something at random, once; it may be cancelled at any of its awaits.
brigade::Task<> play_worker(Dice& dice);
brigade::Task<> play_nested_workers(Dice& dice);
brigade::Task<> play_moving_port(Dice& dice);
brigade::Task<> play_closing_ports(Dice& dice);
brigade::Task<> play_broadcast(Dice& dice);
brigade::Task<> play_locks(Dice& dice);
brigade::Task<> play_letters(Dice& dice);
brigade::Task<> play_pool(Dice& dice);
brigade::Task<> play_run(Dice& dice);
brigade::Task<> play_buffer(Dice& dice);
brigade::Task<> play_wait(Dice& dice);
brigade::Task<> play_async_wait(Dice& dice);

}  // namespace stress
