// A program that a test runs, with what it writes and all that it starts.
//
// Invariant: nothing outlives the object. The program and its descendants carry a mark in their
// environment; this process is made the reaper of orphans, so what has lost its parent is found
// among our own children, killed by pid while nobody else can reap it, and reaped.
#pragma once

#include <brigade/child.hpp>

#include "support/patience.hpp"

#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace brigade::testing_support {

struct Program {
  std::string path = {};
  std::vector<std::string> arguments = {};
  std::map<std::string, std::string> environment = {};
};

class Process {
 public:
  explicit Process(const Program& program);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  pid_t pid() const { return pid_; }
  /// What it and its children have written so far.
  std::string out() const;
  std::string err() const;
  /// The first line of either stream that holds `part`; throws, with all that was written, when
  /// none comes.
  std::string wait_for_line(std::string_view part) const { return wait_for_lines(part, 1); }
  /// The same, for the n-th such line.
  std::string wait_for_lines(std::string_view part, std::size_t count) const;
  std::size_t count_lines(std::string_view part) const;

  void signal(int signal) const { ::kill(pid_, signal); }
  /// Waits for the program itself to end. Throws when it does not.
  ExitStatus wait();
  bool running();

  /// Its living children, and itself not.
  std::vector<pid_t> children() const;
  /// All that it started, orphans included, and is not yet a zombie.
  std::vector<pid_t> family() const;
  /// Children of it that ended and that it has not reaped.
  std::size_t count_zombies() const;
  /// Reaps what has lost its parent and ended. True when nothing it started is alive.
  bool reap_orphans();

 private:
  void read_streams();
  void read_what_is_there() const;
  std::optional<std::string> find_line(std::string_view part, std::size_t count) const;
  std::string all() const;

  std::string mark_;
  pid_t pid_ = -1;
  std::optional<ExitStatus> status_;
  int out_fd_ = -1;
  int err_fd_ = -1;
  int stop_fd_ = -1;
  mutable std::mutex mutex_;
  mutable std::condition_variable more_;
  std::string out_, err_;  // under mutex_
  std::thread reader_;
};

/// What /proc says, for as long as it is there.
struct ProcessFacts {
  pid_t parent = 0;
  char state = '?';  // of proc(5): R, S, T, Z, …
};
std::optional<ProcessFacts> look_up(pid_t pid);
/// There, and no zombie.
bool is_alive(pid_t pid);
std::size_t count_descriptors(pid_t pid);

}  // namespace brigade::testing_support
