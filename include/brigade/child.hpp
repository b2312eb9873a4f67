// How a child process ended, and being told of it.
#pragma once

#include <brigade/loop.hpp>

#include <functional>
#include <string>

namespace brigade {

/// Exactly one of the two is set, as in waitid(2).
struct ExitStatus {
  int code = 0;    // of exit(), when signal is 0
  int signal = 0;  // that killed it

  bool success() const { return code == 0 && signal == 0; }
  /// "exited with code 3", "was killed by SIGSEGV"
  std::string text() const;
};

/// Reaps one child through its pidfd, so that a reused pid is never mistaken for it and nobody
/// else's child is touched. Calls back once, on the loop's thread.
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
