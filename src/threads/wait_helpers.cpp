// The set of helpers, and which wait each of them stands for. See wait_helpers.hpp.
#include "threads/wait_helpers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace brigade::detail {

using atomics::WaitResult;

namespace {

// More idle helpers than this end. A parked one costs 9 kB, and the kernel's stack.
constexpr std::size_t max_idle = 8;

// How many should be parked for the next waits: a task that finds none has to wait, and its loop
// with it, until a new thread gets a CPU, which on a busy machine may take milliseconds.
std::size_t wanted_idle(std::size_t busy) {
  return std::min(1 + busy / 8, max_idle);
}

/// Takes `item` out of a vector of unique_ptr's.
template <class T>
std::unique_ptr<T> take(std::vector<std::unique_ptr<T>>& from, const T& item) {
  const auto at = std::find_if(from.begin(), from.end(),
                               [&item](const auto& owner) { return owner.get() == &item; });
  std::unique_ptr<T> out = std::move(*at);
  from.erase(at);
  return out;
}

}  // namespace

struct WaitHelpers::LoopUse final : LoopClient {
  LoopUse(WaitHelpers& in_pool, Loop& of_loop) : pool(in_pool), loop(of_loop) {}
  void on_loop_end() override { pool.end_use(*this); }
  WaitHelpers& pool;
  Loop& loop;
};

WaitHelpers& WaitHelpers::instance() {
  static auto* const pool = new WaitHelpers;
  return *pool;
}

void WaitHelpers::enter(WaitAsync& wait) {
  std::vector<std::unique_ptr<WaitHelper>> to_join;  // after the unlock
  const std::lock_guard lock(mutex_);
  to_join.swap(ended_);
  if (waits_.size() >= atomics::max_async_waits) {
    throw ErrorException(Error(
        EAGAIN, fmt::format("wait_async: {} tasks of this process wait already, which is the limit",
                            waits_.size())));
  }
  use(*wait.loop_);
  if (idle_.empty()) add_helper().value();
  WaitHelper& helper = *idle_.front();
  helper.take_place(*wait.word_).value();
  std::erase(idle_, &helper);
  waits_.push_back(&wait);
  helper.wait_ = &wait;
  helper.buffer_ = wait.buffer_;
  helper.word_ = wait.word_;
  wait.helper_ = &helper;
  wait.state_ = WaitAsync::State::waiting;
  wait.inside_ = true;
  helper.has_place_.store(true);
  // Whoever stored another value before we were in the queue has notified too early for us.
  if (std::atomic_ref(*wait.word_).load() != wait.expected_) call_back(wait, WaitResult::not_equal);
  while (idle_.size() < wanted_idle(helpers_.size() - idle_.size())) {
    if (!add_helper()) break;  // whoever needs it tries again, and hears why not
  }
}

void WaitHelpers::give_up(WaitAsync& wait, WaitResult result) {
  const std::lock_guard lock(mutex_);
  if (wait.state_ == WaitAsync::State::waiting) call_back(wait, result);
}

bool WaitHelpers::leave(WaitAsync& wait) {
  const std::lock_guard lock(mutex_);
  if (wait.state_ == WaitAsync::State::delivered) return false;
  abandon(wait);
  return true;
}

bool WaitHelpers::on_notified(WaitHelper& helper) {
  SharedBuffer released;
  std::uint32_t* pass_on = nullptr;
  bool go_on = false;
  {
    const std::lock_guard lock(mutex_);
    if (!helper.wait_) {
      pass_on = helper.word_;
    } else if (helper.wait_->state_ == WaitAsync::State::leaving) {
      deliver(*helper.wait_, WaitResult::ok);  // it was counted in time
    } else {
      // Woken in the queue's order, helpers run in any order.
      deliver(longest_waiting_beside(*helper.wait_), WaitResult::ok);
    }
    go_on = rest(helper, released);
  }
  if (pass_on) futex_wake(*pass_on, 1);  // `released` keeps it alive
  return go_on;
}

bool WaitHelpers::on_kicked(WaitHelper& helper) {
  SharedBuffer released;
  const std::lock_guard lock(mutex_);
  if (helper.wait_) deliver(*helper.wait_, helper.wait_->result_);
  return rest(helper, released);
}

bool WaitHelpers::still_expects(WaitHelper& helper, std::uint32_t& expected) {
  const std::lock_guard lock(mutex_);
  if (helper.kick_.raised()) return false;
  expected = helper.wait_->expected_;
  if (std::atomic_ref(*helper.word_).load() == expected) return true;
  call_back(*helper.wait_, WaitResult::not_equal);
  return false;
}

Result<void> WaitHelpers::add_helper() {
  auto made = std::make_unique<WaitHelper>(*this);
  auto started = made->start();
  if (!started) return started;
  idle_.push_back(made.get());
  helpers_.push_back(std::move(made));
  return {};
}

/// The oldest of those on the same word, which may be `wait` itself. It changes helpers with
/// `wait`, so that the caller, who stood for `wait`, now stands for it.
WaitAsync& WaitHelpers::longest_waiting_beside(WaitAsync& wait) {
  WaitAsync& oldest = **std::find_if(waits_.begin(), waits_.end(), [&wait](const WaitAsync* each) {
    return each->word_ == wait.word_ && each->state_ == WaitAsync::State::waiting;
  });
  std::swap(oldest.helper_, wait.helper_);
  oldest.helper_->wait_ = &oldest;
  wait.helper_->wait_ = &wait;
  return oldest;
}

void WaitHelpers::deliver(WaitAsync& wait, WaitResult result) {
  forget(wait);
  wait.result_ = result;
  wait.state_ = WaitAsync::State::delivered;
  wait.loop_->deliver(wait);
}

void WaitHelpers::call_back(WaitAsync& wait, WaitResult result) {
  wait.result_ = result;
  wait.state_ = WaitAsync::State::leaving;
  wait.helper_->kick_.raise();
}

void WaitHelpers::abandon(WaitAsync& wait) {
  wait.helper_->kick_.raise();
  forget(wait);
  wait.inside_ = false;
}

void WaitHelpers::forget(WaitAsync& wait) {
  std::erase(waits_, &wait);
  wait.helper_->wait_ = nullptr;
  wait.helper_ = nullptr;
}

/// `released` is for the caller to drop without the mutex: it may unmap memory.
bool WaitHelpers::rest(WaitHelper& helper, SharedBuffer& released) {
  released = std::move(helper.buffer_);
  if (helper.ending_) return false;
  if (idle_.size() >= max_idle) {
    ended_.push_back(take(helpers_, helper));
    return false;
  }
  helper.kick_.clear();
  helper.has_place_.store(false);
  std::atomic_ref(helper.park_).store(0);
  idle_.push_back(&helper);
  return true;
}

void WaitHelpers::use(Loop& loop) {
  for (const auto& each : uses_) {
    if (&each->loop == &loop) return;
  }
  loop.add_client(*uses_.emplace_back(std::make_unique<LoopUse>(*this, loop)));
}

void WaitHelpers::end_use(LoopUse& use) {
  std::vector<std::unique_ptr<WaitHelper>> to_join;
  const std::lock_guard lock(mutex_);
  const std::vector<WaitAsync*> all = waits_;
  for (WaitAsync* wait : all) {
    if (wait->loop_ != &use.loop) continue;
    use.loop.disarm(*wait);
    abandon(*wait);
  }
  take(uses_, use);  // `use` is gone
  to_join.swap(ended_);
  if (!uses_.empty()) return;
  for (auto& helper : helpers_) {
    helper->ending_ = true;
    helper->kick_.raise();
    to_join.push_back(std::move(helper));
  }
  helpers_.clear();
  idle_.clear();
}

}  // namespace brigade::detail
