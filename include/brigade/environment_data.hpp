// Data that every worker thread finds when it starts: configuration, a shared buffer, a cache's
// address.
//
//     threads::set_environment_data("config", config);                     // before the thread
//     auto config = threads::get_environment_data<Config>("config");       // in it, or in its own
#pragma once

#include <brigade/value_convert.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace brigade::threads {

/// For this thread, and for every worker thread that it starts from now on (and that those start).
/// Threads that run already keep what they have. Anything that to_value() takes; null deletes the
/// key. Errors (EINVAL): a message that cannot be copied, as it holds a port or a descriptor, or
/// one that is too deep or large. Shared buffers are shared.
///
/// All threads that are no worker threads have one set of data together.
Result<void> set_environment_data(std::string_view key, Value&& value);
template <class T>
requires(!std::same_as<std::remove_cvref_t<T>, Value>) Result<void> set_environment_data(
    std::string_view key, T&& value) {
  return value_detail::post_converted(std::forward<T>(value), [&](Value&& made) {
    return set_environment_data(key, std::move(made));
  });
}

/// A copy of what this thread has under that key.
std::optional<Value> get_environment_data(std::string_view key);
/// The same, converted. Throws MessageError when it is not of that type.
template <class T>
std::optional<T> get_environment_data(std::string_view key) {
  std::optional<Value> value = get_environment_data(key);
  if (!value) return std::nullopt;
  return value_as<T>(std::move(*value));
}

}  // namespace brigade::threads
