#include "threads/environment_data.hpp"

#include <brigade/environment_data.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "threads/thread_context.hpp"

namespace brigade::threads {
namespace detail {

void EnvironmentData::set(std::string_view key, std::shared_ptr<const Value> value) {
  using Map = EnvironmentSnapshot::element_type;
  EnvironmentSnapshot old;  // destroyed after the lock
  const std::lock_guard lock(mutex_);
  auto changed = std::make_shared<std::remove_const_t<Map>>(map_ ? *map_ : Map());
  if (value) {
    changed->insert_or_assign(std::string(key), std::move(value));
  } else if (const auto found = changed->find(key); found != changed->end()) {
    changed->erase(found);
  }
  old = std::exchange(map_, std::move(changed));
}

EnvironmentSnapshot environment_data_snapshot() {
  return context().environment_data.snapshot();
}

void adopt_environment_data(EnvironmentSnapshot snapshot) {
  context().environment_data.adopt(std::move(snapshot));
}

}  // namespace detail

Result<void> set_environment_data(std::string_view key, Value&& value) {
  std::shared_ptr<const Value> kept;
  if (!value.is_null()) {
    // Also finds what could not be copied later.
    Result<Value> copy = value.clone();
    if (!copy) {
      return Error(EINVAL,
                   fmt::format("set_environment_data(\"{}\"): {}", key, copy.error().message()));
    }
    kept = std::make_shared<const Value>(std::move(*copy));
  }
  detail::context().environment_data.set(key, std::move(kept));
  return {};
}

std::optional<Value> get_environment_data(std::string_view key) {
  const detail::EnvironmentSnapshot data = detail::environment_data_snapshot();
  if (!data) return std::nullopt;
  const auto found = data->find(key);
  if (found == data->end()) return std::nullopt;
  Result<Value> copy = found->second->clone();
  if (!copy) throw MessageError(copy.error());  // it was copied once: only memory can lack
  return std::move(*copy);
}

}  // namespace brigade::threads
