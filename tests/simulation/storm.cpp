#include "simulation/storm.hpp"

#include <fmt/format.h>

#include <csignal>

#include "simulation/world.hpp"

namespace simulation {
namespace {

SupervisorOptions some_options(std::mt19937_64& random) {
  SupervisorOptions out;
  out.restart = random() % 10 != 0;
  out.surge = 1 + static_cast<unsigned>(random() % 3);
  out.max_workers = 12;
  out.probation = std::chrono::milliseconds(random() % 3 == 0 ? 0 : random() % 5000);
  out.listen_timeout = std::chrono::seconds(1 + random() % 10);
  out.drain_deadline = std::chrono::seconds(random() % 5);
  out.restarts.give_up_after = static_cast<unsigned>(random() % 12);
  if (random() % 4 == 0) {
    out.restarts.rules.push_back({.exit_codes = {2}, .then = AfterDeath::give_up});
    out.restarts.rules.push_back({.exit_codes = {3}, .then = AfterDeath::at_once});
  }
  if (random() % 16 == 0) {
    out.restarts.rules.push_back({.exit_codes = {1}, .then = AfterDeath::stop});
  }
  return out;
}

class Storm {
 public:
  Storm(std::uint64_t seed, bool trace)
      : choices_(seed), world_(some_options(choices_), seed, trace) {}

  Account play() {
    begin();
    const std::uint64_t faults = 3 + world_.random(30);
    for (std::uint64_t count = 0; count < faults && !world_.ended(); ++count) {
      world_.run_until(world_.now() + some_pause());
      if (!world_.ended()) fault();
    }
    world_.note("calm");
    world_.calm();
    if (!world_.supervisor().stopping()) world_.come_to_rest(std::chrono::hours(2));
    if (!world_.ended()) end();
    return {world_.deaths(), world_.events()};
  }

 private:
  Supervisor& supervisor() { return world_.supervisor(); }

  void begin() {
    const std::uint64_t workers = 1 + world_.random(5);
    for (std::uint64_t count = 0; count < workers; ++count) supervisor().add();
    world_.settle();
  }

  Duration some_pause() {
    static constexpr int most_ms[] = {1, 20, 300, 3000, 20000};
    return std::chrono::milliseconds(
        world_.random(static_cast<std::uint64_t>(most_ms[world_.random(5)])));
  }

  void fault() {
    switch (world_.random(17)) {
      case 0:
      case 1:
      case 2:
        return world_.kill_some(SIGKILL);
      case 3:
        return world_.kill_some(0);
      case 4:
        return world_.kill_all();
      case 5:
      case 6:
      case 7:
        return reload();
      case 8:
      case 9:
        return scale();
      case 10:
      case 11:
        return recycle();
      case 12:
        return disconnect();
      case 13:
        return reject();
      case 14:
        world_.note("no processes can be made");
        return world_.no_processes_until(world_.now() + std::chrono::seconds(world_.random(10)));
      case 15:
        if (!supervisor().stopping()) world_.succeed(1 + world_.random(5));
        return;
      default:
        if (world_.random(8) == 0) stop();
    }
  }

  void reload() {
    const auto some = static_cast<Program>(world_.random(programs));
    world_.next_program(world_.random(2) == 0 ? Program::good : some, world_.random(8) != 0);
    world_.note("reload is asked for");
    for (std::uint64_t times = 1 + world_.random(3); times > 0; --times) {
      const bool done = static_cast<bool>(supervisor().reload(world_.now()));
      if (done == supervisor().stopping()) throw Broken("a reload is refused when it stops, only");
      world_.settle();
    }
  }

  void scale() {
    const auto count = static_cast<unsigned>(world_.random(13));
    world_.note(fmt::format("scale to {}", count));
    const bool possible = count > 0 && count < 12 && !supervisor().stopping();
    const bool done = static_cast<bool>(supervisor().scale(count, world_.now()));
    if (done != possible) throw Broken("scaling is refused when it cannot be, only");
    if (done && supervisor().wanted() != count) throw Broken("there are as many as were asked for");
    world_.settle();
  }

  void recycle() {
    const std::uint64_t id = world_.some_process();
    world_.note(fmt::format("recycle {}", id));
    supervisor().recycle(id, world_.now());
    world_.settle();
  }

  void disconnect() {
    if (supervisor().wanted() < 2) return;  // the last one would end it all
    const std::uint64_t id = world_.some_process();
    world_.note(fmt::format("disconnect {}", id));
    if (world_.random(2) == 0) return world_.say_goodbye(id);
    supervisor().disconnect(id, world_.now());
    world_.settle();
  }

  void reject() {
    const std::uint64_t id = world_.some_process();
    world_.note(fmt::format("reject {}", id));
    supervisor().reject(id, world_.now());
    world_.settle();
  }

  void stop() {
    world_.note("stop");
    supervisor().stop(SIGTERM, world_.now());
    world_.settle();
  }

  void end() {
    if (!supervisor().stopping()) stop();
    // The drain's deadline, what comes on top of it, and the time to die.
    world_.run_until(world_.now() + std::chrono::seconds(7));
    if (!world_.ended()) throw Broken("a stop ends when its time is over");
  }

  std::mt19937_64 choices_;
  World world_;
};

}  // namespace

Account play_storm(std::uint64_t seed, bool trace) {
  return Storm(seed, trace).play();
}

}  // namespace simulation
