#include <brigade/locks.hpp>
#include <brigade/this_thread.hpp>

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "threads/lock_registry.hpp"

namespace brigade::locks {

using detail::LockPlace;
using detail::LockRecord;
using detail::LockRegistry;

namespace {

void check(const std::string& name, const Options& options) {
  const auto refuse = [&name](const char* why) {
    throw std::invalid_argument(fmt::format("locks::request(\"{}\"): {}", name, why));
  };
  const bool can_stop = options.stop_token.stop_possible();
  if (name.starts_with('-')) refuse("names that begin with '-' are reserved");
  if (options.steal && options.mode == Mode::shared) refuse("only exclusive locks can be stolen");
  if (options.steal && options.if_available) refuse("steal and if_available exclude each other");
  if (options.steal && can_stop) refuse("steal does not wait, so a stop_token is of no use");
  if (options.if_available && can_stop) {
    refuse("if_available does not wait, so a stop_token is of no use");
  }
}

}  // namespace

// With the registry's mutex held.
void LockRecord::tell() {
  if (!waiter || !waiter->loop_) return;  // granted while it asks: it sees that itself
  waiter->told_ = true;
  waiter->loop_->deliver(*waiter);
}

Request::Request(std::string name, Options options)
    : Awaiter("lock"),
      options_(std::move(options)),
      record_(std::make_unique<LockRecord>(std::move(name), options_.mode, *this)) {}

Request::~Request() {
  on_stop_.reset();
  leave();
}

bool Request::begin() {
  if (options_.stop_token.stop_requested()) {
    aborted_ = true;
    return false;
  }
  Loop& loop = Loop::current();
  detail::ThreadLocks& thread = detail::this_threads_locks();
  thread.release_at_end_of_worker();
  record_->thread = threads::thread_id();
  if (!enter_queue(loop, thread)) {
    if (brigade::detail::spend_budget()) return false;
    resume_later();  // one that asks again and again must not starve the loop
    return true;
  }
  // Runs at once if the stop has been requested meanwhile.
  if (options_.stop_token.stop_possible()) on_stop_.emplace(options_.stop_token, Abort{*this});
  return true;
}

// True when it has to wait.
bool Request::enter_queue(Loop& loop, detail::ThreadLocks& thread) {
  detail::Losses losses;
  LockRegistry& registry = LockRegistry::instance();
  const std::lock_guard lock(registry.mutex);
  detail::LockQueue& queue = registry.enter(*record_, thread);
  if (options_.steal) {
    queue.steal(*record_, [&losses](LockPlace& place) {
      auto& victim = static_cast<LockRecord&>(place);
      losses.add(victim, true);
      victim.of_thread.unlink();
      victim.queue = nullptr;
    });
    return false;
  }
  if (options_.if_available && !queue.available(options_.mode)) {
    record_->of_thread.unlink();
    record_->queue = nullptr;
    return false;
  }
  queue.add(*record_);
  queue.grant([](LockPlace& place) { static_cast<LockRecord&>(place).tell(); });
  if (record_->state() == LockPlace::State::held) return false;
  loop_ = &loop;
  return true;
}

void Request::leave() {
  bool told = false;
  {
    LockRegistry& registry = LockRegistry::instance();
    const std::lock_guard lock(registry.mutex);
    if (!record_) return;
    told = std::exchange(told_, false);
    registry.leave(*record_);
  }
  if (told) loop_->withdraw(*this);
}

void Request::abort() {
  LockRegistry& registry = LockRegistry::instance();
  const std::lock_guard lock(registry.mutex);
  if (record_->state() != LockPlace::State::pending) return;  // granted: too late
  aborted_ = true;
  registry.leave(*record_);
  record_->tell();
}

void Request::on_delivered() {
  {
    const std::lock_guard lock(LockRegistry::instance().mutex);
    told_ = false;
  }
  resume();
}

void Request::on_dropped() {
  LockRegistry& registry = LockRegistry::instance();
  const std::lock_guard lock(registry.mutex);
  told_ = false;
  registry.leave(*record_);
}

void Request::on_cancel() {
  on_stop_.reset();
  leave();
  resume_later();
}

Lock Request::await_resume() {
  on_stop_.reset();  // waits for a callback that runs: nobody uses this any more
  throw_if_cancelled();
  if (aborted_) throw Cancelled(CancelReason::user);
  {
    const std::lock_guard lock(LockRegistry::instance().mutex);
    record_->waiter = nullptr;
    const bool refused = record_->state() == LockPlace::State::outside && !record_->lost;
    if (refused) return Lock();
  }
  return Lock(std::move(record_));
}

Lock::Lock() = default;
Lock::Lock(std::unique_ptr<LockRecord> record) : record_(std::move(record)) {}
Lock::Lock(Lock&& other) noexcept = default;

Lock& Lock::operator=(Lock&& other) noexcept {
  if (this == &other) return *this;
  release();
  record_ = std::move(other.record_);
  return *this;
}

Lock::~Lock() {
  release();
}

bool Lock::held() const {
  if (!record_) return false;
  const std::lock_guard lock(LockRegistry::instance().mutex);
  return record_->state() == LockPlace::State::held;
}

bool Lock::stolen() const {
  if (!record_) return false;
  const std::lock_guard lock(LockRegistry::instance().mutex);
  return record_->stolen;
}

std::stop_token Lock::lost() const {
  if (!record_) return {};
  const std::lock_guard lock(LockRegistry::instance().mutex);
  if (!record_->lost_source) {
    record_->lost_source.emplace();
    if (record_->lost) record_->lost_source->request_stop();  // nobody can listen to it yet
  }
  return record_->lost_source->get_token();
}

const std::string& Lock::name() const {
  static const std::string none;
  return record_ ? record_->name : none;
}

Mode Lock::mode() const {
  return record_ ? record_->mode() : Mode::exclusive;
}

void Lock::release() {
  if (!record_) return;
  LockRegistry& registry = LockRegistry::instance();
  const std::lock_guard lock(registry.mutex);
  registry.leave(*record_);
}

Request request(std::string name, Options options) {
  check(name, options);
  return Request(std::move(name), std::move(options));
}

Snapshot query() {
  LockRegistry& registry = LockRegistry::instance();
  const std::lock_guard lock(registry.mutex);
  return registry.snapshot();
}

}  // namespace brigade::locks
