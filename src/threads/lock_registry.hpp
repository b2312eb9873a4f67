// All named locks of the process.
//
// Invariants
// - One mutex, held for a few pointer operations, never while anybody's code runs: stop callbacks
//   (Losses) are called after it.
// - A name is in the map exactly while somebody holds it or waits for it.
// - A record is in a queue and in its thread's list, or in neither.
// - A request is delivered to its loop at most once at a time (Request::told_), and only while it
// is
//   pending in its frame: by a grant, or by its abort.
#pragma once

#include <brigade/locks.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "threads/lock_queue.hpp"

namespace brigade::locks::detail {

using NamedQueue = std::pair<const std::string, LockQueue>;

struct LockRecord final : LockPlace {
  LockRecord(std::string its_name, Mode mode, Request& request)
      : LockPlace(mode), name(std::move(its_name)), waiter(&request) {}

  const std::string name;
  std::uint32_t thread = 0;

  // Under the registry's mutex from here on.
  NamedQueue* queue = nullptr;  // while it is in one
  Request* waiter;              // until a Lock has it
  bool stolen = false;
  bool lost = false;
  std::optional<std::stop_source> lost_source;  // made when somebody asks for it

  struct OfThread final : brigade::detail::ListNode {
    explicit OfThread(LockRecord& its_record) : record(its_record) {}
    LockRecord& record;
  } of_thread{*this};

  /// Of the request that waits with it.
  void tell();
};

/// Holders to be told, when the mutex is free again, that they have lost their locks.
class Losses {
 public:
  void add(LockRecord& record, bool stolen);
  ~Losses() {
    for (std::stop_source& source : sources_) source.request_stop();
  }

 private:
  std::vector<std::stop_source> sources_;
};

/// The records of one thread. Whatever is left when it ends is released.
class ThreadLocks {
 public:
  ~ThreadLocks() { release_all(); }
  void add(LockRecord& record) { records_.push_back(record.of_thread); }
  void release_all();
  /// So that a worker thread's owner, when it hears of the thread's end, finds the locks free.
  void release_at_end_of_worker();

 private:
  brigade::detail::List<LockRecord::OfThread> records_;
  bool will_be_released_ = false;
};
ThreadLocks& this_threads_locks();

class LockRegistry {
 public:
  static LockRegistry& instance();

  std::mutex mutex;
  // With the mutex held, all of them.
  LockQueue& enter(LockRecord& record, ThreadLocks& thread);
  /// Out of its queue, if it is in one; the next in line are told.
  void leave(LockRecord& record);
  void forget_if_idle(NamedQueue& queue);
  Snapshot snapshot();

 private:
  std::map<std::string, LockQueue> queues_;
};

}  // namespace brigade::locks::detail
