// How a child process ended, and being told of it.
#pragma once

#include <brigade/loop.hpp>

#include <functional>
#include <string>

namespace brigade {

/// Exactly one of code and signal is set, as in waitid(2).
struct ExitStatus {
  int code = 0;    // of exit(), when signal is 0
  int signal = 0;  // that killed it
  /// False where the process was another's child and the kernel did not say how it ended.
  bool known = true;

  bool success() const { return known && code == 0 && signal == 0; }
  /// "exited with code 3", "was killed by SIGSEGV", "ended, how is not known"
  std::string text() const;
};

/// Reaps one child through its pidfd, so that a reused pid is never mistaken for it and nobody
/// else's child is touched. Calls back once, on the loop's thread.
///
/// The process may also be another's child, as the workers of a primary that died are: then its
/// parent reaps it, and we read how it ended as far as the kernel shows it.
class ChildWatch final : private Watcher {
 public:
  ChildWatch(Fd pidfd, std::function<void(ExitStatus)> on_exit);
  ChildWatch(const ChildWatch&) = delete;
  ChildWatch& operator=(const ChildWatch&) = delete;
  ~ChildWatch();

  /// False when it is gone already.
  bool send_signal(int signal);
  const Fd& pidfd() const { return pidfd_; }

 private:
  void on_event(std::uint32_t events) override;

  Fd pidfd_;
  std::function<void(ExitStatus)> on_exit_;
  Loop& loop_;
  bool reaped_ = false;
};

}  // namespace brigade
