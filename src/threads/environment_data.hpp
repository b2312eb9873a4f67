// How environment data gets from thread to thread: as a reference to a map that is never changed,
// but replaced. Starting a thread copies nothing.
#pragma once

#include <brigade/value.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace brigade::threads::detail {

using EnvironmentSnapshot =
    std::shared_ptr<const std::map<std::string, std::shared_ptr<const Value>, std::less<>>>;

/// A thread's own, in its ThreadContext. Locked, because all threads that are no worker threads
/// share one. Null stands for an empty map.
class EnvironmentData {
 public:
  EnvironmentSnapshot snapshot() const {
    const std::lock_guard lock(mutex_);
    return map_;
  }
  void adopt(EnvironmentSnapshot from) {
    const std::lock_guard lock(mutex_);
    map_.swap(from);
  }
  void set(std::string_view key, std::shared_ptr<const Value> value);

 private:
  mutable std::mutex mutex_;
  EnvironmentSnapshot map_;  // guarded by mutex_
};

// For a new worker thread: the first on its owner's thread when it is made, the second on the new
// one before any of its code runs.
EnvironmentSnapshot environment_data_snapshot();
void adopt_environment_data(EnvironmentSnapshot snapshot);

}  // namespace brigade::threads::detail
