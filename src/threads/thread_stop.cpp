#include "threads/thread_stop.hpp"

namespace brigade::threads::detail {

void ThreadStop::request() {
  if (!source_.request_stop()) return;  // somebody has
  word_.raise();
  const std::lock_guard lock(mutex_);
  if (loop_) loop_->post([this] { stop_here(); });
}

void ThreadStop::enter(Loop& loop, brigade::detail::TaskScope& scope) {
  const std::lock_guard lock(mutex_);
  loop_ = &loop;
  scope_ = &scope;
  if (requested()) scope.cancel(CancelReason::user);
}

void ThreadStop::leave() {
  const std::lock_guard lock(mutex_);
  loop_ = nullptr;
  scope_ = nullptr;
}

void ThreadStop::stop_here() {
  Loop* loop = nullptr;
  brigade::detail::TaskScope* scope = nullptr;
  {
    const std::lock_guard lock(mutex_);
    loop = loop_;
    scope = scope_;
  }
  if (!loop) return;  // left meanwhile, and this is one of the loop's last functions
  scope->cancel(CancelReason::user);
  if (root_ended_) loop->stop();
}

}  // namespace brigade::threads::detail
