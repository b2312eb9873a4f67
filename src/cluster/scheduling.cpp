#include <brigade/scheduling.hpp>

#include <array>

namespace brigade::cluster {
namespace {
constexpr std::array<std::string_view, 4> names{"balanced", "round_robin", "shared", "reuse_port"};
}

std::string_view to_string(Scheduling scheduling) {
  return names[static_cast<std::size_t>(scheduling)];
}

std::optional<Scheduling> scheduling_from(std::string_view name) {
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (names[index] == name) return static_cast<Scheduling>(index);
  }
  return std::nullopt;
}

}  // namespace brigade::cluster
