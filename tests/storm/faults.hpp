// What is done to a cluster in the storm.
#pragma once

#include "support/server.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

namespace storm {

/// One cluster, and the faults that it is given. The same seed makes the same choices; what they
/// meet depends on the machine.
class Faults {
 public:
  Faults(brigade::testing_support::ServerProcess& server, std::uint64_t seed);

  /// Does one of them, and lets everything stopped go on that has been so for long enough.
  void one();
  /// Lets everything stopped go on.
  void cease();

  /// Workers that were killed, or made to die: what they were answering is lost.
  const std::set<pid_t>& killed() const { return killed_; }
  /// Requests made by the faults themselves.
  std::uint64_t requests() const { return requests_; }
  /// Milliseconds until the next one.
  int pause_ms();
  /// "12 kills, 3 reloads, …"
  std::string summary() const;

 private:
  pid_t some_worker();
  std::size_t below(std::size_t bound);
  void ask(const std::string& target);
  void kill_one();
  void crash_one();
  void exit_one();
  void terminate_one();
  void stop_one();
  void block_one();
  void corrupt_channel();
  void reload();
  void kill_several();
  void send_garbage();
  void leave_in_the_middle();

  brigade::testing_support::ServerProcess& server_;
  std::mt19937_64 random_;
  std::set<pid_t> killed_;
  std::set<pid_t> stopped_;
  std::map<std::string, int> done_;
  std::uint64_t requests_ = 0;
};

}  // namespace storm
