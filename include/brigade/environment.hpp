// Environment variables per thread, as in Node: a worker thread has a copy of its owner's, one of
// its own, or shares it.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace brigade {

/// Names and values. Any thread: readers and writers take turns, which setenv() and getenv() do
/// not. The process's own environ is only ever read, once, at the first use of the main thread's.
class Environment {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;

  Environment() = default;
  explicit Environment(Map variables) : variables_(std::move(variables)) {}
  /// What the process was started with.
  static Map of_process();

  std::optional<std::string> get(std::string_view name) const;
  void set(std::string_view name, std::string value);
  void unset(std::string_view name);
  Map all() const;

 private:
  mutable std::mutex mutex_;
  Map variables_;  // guarded by mutex_
};

}  // namespace brigade
