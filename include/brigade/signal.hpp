// Signals as events of a loop.
#pragma once

#include <brigade/loop.hpp>

#include <functional>

namespace brigade {

/// Calls back on the loop's thread after the process got `signal`; a burst may count as one. The
/// first watch of a signal replaces its disposition, the last gives it back.
///
/// A handler that writes to an eventfd, not signalfd: that needs the signal blocked, and a blocked
/// mask survives exec, so that a child could not be stopped with SIGTERM.
class SignalWatch final : private Watcher {
 public:
  /// What a repeated signal does when the loop is too busy to look at the first.
  enum class Unheard { waits, ends_process };

  SignalWatch(int signal, std::function<void()> on_signal, Unheard unheard = Unheard::waits);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

 private:
  void on_event(std::uint32_t events) override;

  int signal_;
  std::function<void()> on_signal_;
  Loop& loop_;
  Fd wake_;
};

}  // namespace brigade
