// How another thread asks a worker thread to end.
#pragma once

#include <brigade/loop.hpp>

#include <mutex>
#include <stop_token>

#include "shared/stop_word.hpp"

namespace brigade::threads::detail {

/// Three ways at once, for whatever the thread is doing: a stop_token for what computes, a stop
/// word for what blocks in atomics::wait() or receive_sync(), a cancelled scope for what awaits.
/// Outlives the thread.
class ThreadStop {
 public:
  // Any thread.
  void request();
  bool requested() const { return source_.stop_requested(); }

  // The thread itself.
  std::stop_token token() const { return source_.get_token(); }
  brigade::detail::StopWord& word() { return word_; }
  /// What there is to cancel from now on: a root task on a loop. Both must live until leave().
  void enter(Loop& loop, brigade::detail::TaskScope& scope);
  /// The root has ended: from now on a request stops the loop itself.
  void root_ended() { root_ended_ = true; }
  void leave();

 private:
  void stop_here();

  std::stop_source source_;
  brigade::detail::StopWord word_;
  bool root_ended_ = false;  // the thread's own
  std::mutex mutex_;
  // Guarded by mutex_ from here on.
  Loop* loop_ = nullptr;
  brigade::detail::TaskScope* scope_ = nullptr;
};

}  // namespace brigade::threads::detail
