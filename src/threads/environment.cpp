#include <brigade/environment.hpp>

#include <unistd.h>

namespace brigade {

Environment::Map Environment::of_process() {
  Map map;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string_view::npos) continue;
    map.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return map;
}

std::optional<std::string> Environment::get(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = variables_.find(name);
  if (found == variables_.end()) return std::nullopt;
  return found->second;
}

void Environment::set(std::string_view name, std::string value) {
  const std::lock_guard lock(mutex_);
  variables_.insert_or_assign(std::string(name), std::move(value));
}

void Environment::unset(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = variables_.find(name);
  if (found != variables_.end()) variables_.erase(found);
}

Environment::Map Environment::all() const {
  const std::lock_guard lock(mutex_);
  return variables_;
}

}  // namespace brigade
