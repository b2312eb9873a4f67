#include "storm/faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iterator>

namespace storm {

using namespace brigade::testing_support;

Faults::Faults(ServerProcess& server, std::uint64_t seed) : server_(server), random_(seed) {}

std::size_t Faults::below(std::size_t bound) {
  return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
}

int Faults::pause_ms() {
  return 200 + static_cast<int>(below(800));
}

void Faults::one() {
  struct Fault {
    const char* name;
    void (Faults::*act)();
    int weight;
  };
  static constexpr Fault faults[] = {
      {"kills", &Faults::kill_one, 6},
      {"crashes", &Faults::crash_one, 3},
      {"exits", &Faults::exit_one, 2},
      {"terminations", &Faults::terminate_one, 2},
      {"stops", &Faults::stop_one, 3},
      {"blocked loops", &Faults::block_one, 3},
      {"corrupted channels", &Faults::corrupt_channel, 2},
      {"reloads", &Faults::reload, 3},
      {"kills of all", &Faults::kill_several, 1},
      {"garbage", &Faults::send_garbage, 2},
      {"clients gone", &Faults::leave_in_the_middle, 2},
  };
  if (below(2) == 0) cease();
  int total = 0;
  for (const Fault& fault : faults) total += fault.weight;
  int left = static_cast<int>(below(static_cast<std::size_t>(total)));
  for (const Fault& fault : faults) {
    if ((left -= fault.weight) >= 0) continue;
    ++done_[fault.name];
    return (this->*fault.act)();
  }
}

void Faults::cease() {
  for (const pid_t pid : stopped_) ::kill(pid, SIGCONT);
  stopped_.clear();
}

std::string Faults::summary() const {
  std::string out;
  for (const auto& [name, count] : done_) out += fmt::format("{} {}, ", count, name);
  return out;
}

pid_t Faults::some_worker() {
  const std::vector<pid_t> workers = server_.children();
  return workers.empty() ? 0 : workers[below(workers.size())];
}

// A request that is made to hurt: whatever comes of it is right.
void Faults::ask(const std::string& target) {
  ++requests_;
  try {
    const Answer answer = server_.get(target);
    // The routes that end their worker say who it is only by not answering.
    static_cast<void>(answer);
  } catch (const ClientError&) {
  }
}

void Faults::kill_one() {
  if (const pid_t pid = some_worker()) {
    killed_.insert(pid);
    ::kill(pid, SIGKILL);
  }
}

void Faults::crash_one() {
  if (const pid_t pid = some_worker()) {
    killed_.insert(pid);
    ::kill(pid, below(2) == 0 ? SIGSEGV : SIGABRT);
  }
}

// Which worker takes such a request is not known before: all that are gone afterwards may be it.
void Faults::exit_one() {
  const std::vector<pid_t> before = server_.children();
  ask("/exit?code=3");
  std::copy(before.begin(), before.end(), std::inserter(killed_, killed_.end()));
}

void Faults::terminate_one() {
  if (const pid_t pid = some_worker()) ::kill(pid, SIGTERM);
}

void Faults::stop_one() {
  if (const pid_t pid = some_worker()) {
    stopped_.insert(pid);
    ::kill(pid, SIGSTOP);
  }
}

void Faults::block_one() {
  ask(fmt::format("/block?ms={}", 20 + below(200)));
}

void Faults::corrupt_channel() {
  static constexpr const char* kinds[] = {"short", "long", "size", "type", "version", "magic"};
  const std::vector<pid_t> before = server_.children();
  ask(fmt::format("/bad-frame/{}", kinds[below(std::size(kinds))]));
  std::copy(before.begin(), before.end(), std::inserter(killed_, killed_.end()));
}

void Faults::reload() {
  server_.signal(SIGHUP);
}

void Faults::kill_several() {
  for (const pid_t pid : server_.children()) {
    killed_.insert(pid);
    ::kill(pid, SIGKILL);
  }
}

void Faults::send_garbage() {
  std::string bytes(1 + below(5000), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random_());
  try {
    Client client = server_.connect();
    client.send_some(bytes);
    if (below(2) == 0) client.reset();
  } catch (const ClientError&) {
  }
}

void Faults::leave_in_the_middle() {
  try {
    Client client = server_.connect();
    ++requests_;
    client.send("GET /large?bytes=3000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    client.reset();
  } catch (const ClientError&) {
  }
}

}  // namespace storm
