#include "threads/lock_registry.hpp"

#include <brigade/this_thread.hpp>

#include "threads/thread_context.hpp"

namespace brigade::locks::detail {

void Losses::add(LockRecord& record, bool stolen) {
  record.lost = true;
  record.stolen = stolen;
  if (record.lost_source) sources_.push_back(*record.lost_source);
}

ThreadLocks& this_threads_locks() {
  thread_local ThreadLocks locks;
  return locks;
}

void ThreadLocks::release_at_end_of_worker() {
  threads::detail::ThreadContext* context = threads::detail::worker_context();
  if (!context || will_be_released_) return;
  will_be_released_ = true;
  context->at_end.push_back([this] {
    will_be_released_ = false;
    release_all();
  });
}

void ThreadLocks::release_all() {
  Losses losses;
  LockRegistry& registry = LockRegistry::instance();
  const std::lock_guard lock(registry.mutex);
  while (!records_.empty()) {
    LockRecord& record = records_.front().record;
    if (record.state() == LockPlace::State::held) losses.add(record, false);
    registry.leave(record);
  }
}

LockRegistry& LockRegistry::instance() {
  static auto* const only = new LockRegistry;  // never freed: threads may outlive static objects
  return *only;
}

LockQueue& LockRegistry::enter(LockRecord& record, ThreadLocks& thread) {
  record.queue = &*queues_.try_emplace(record.name).first;
  thread.add(record);
  return record.queue->second;
}

void LockRegistry::leave(LockRecord& record) {
  record.of_thread.unlink();
  NamedQueue* queue = std::exchange(record.queue, nullptr);
  if (!queue) return;
  queue->second.remove(record);
  queue->second.grant([](LockPlace& next) { static_cast<LockRecord&>(next).tell(); });
  forget_if_idle(*queue);
}

void LockRegistry::forget_if_idle(NamedQueue& queue) {
  if (queue.second.empty()) queues_.erase(queues_.find(queue.first));
}

Snapshot LockRegistry::snapshot() {
  Snapshot all;
  for (auto& [name, queue] : queues_) {
    const auto add_to = [](std::vector<LockInfo>& list) {
      return [&list](LockPlace& place) {
        const auto& record = static_cast<LockRecord&>(place);
        list.push_back({.name = record.name, .mode = record.mode(), .thread = record.thread});
      };
    };
    queue.for_each_held(add_to(all.held));
    queue.for_each_pending(add_to(all.pending));
  }
  return all;
}

}  // namespace brigade::locks::detail
