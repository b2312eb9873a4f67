// What a primary leaves to its successor, should it die: how to start one, in a sealed memfd that
// every worker holds. The locks on that memfd are the election: the kernel gives them back when
// their holder dies, at whatever instruction.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>
#include <brigade/time.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sched.h>
#include <sys/types.h>

namespace brigade::cluster::detail {

struct Will {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value"
  std::string directory;
  cpu_set_t cpus{};     // a worker may be bound to one of them
  Duration patience{};  // of workers without a primary

  /// This process's own.
  static Will of_this_process(Duration patience);
  std::string encode() const;
  static std::optional<Will> decode(std::string_view text);

  /// Written into a memfd that nobody can change any more.
  Result<Fd> seal() const;
  static Result<Will> read(const Fd& memfd);
};

/// A lock of this process on a byte of the will's memfd. Closing *any* descriptor of that file
/// gives it back, so a process that locks keeps one descriptor and makes no duplicates.
enum class Lock : unsigned char {
  reign,     // of the primary, for its life
  election,  // of the worker that starts one
};
bool try_lock(const Fd& will, Lock lock);
void unlock(const Fd& will, Lock lock);
/// Whether another process has it.
bool is_locked(const Fd& will, Lock lock);

}  // namespace brigade::cluster::detail
