// How a reload goes, for those who are not part of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace brigade::cluster::detail {

struct ReloadNews {
  enum class What : std::uint8_t { began, finished, failed };
  What what;
  std::uint64_t generation;
  std::string reason = {};                     // failed: why, and what goes on
  std::optional<std::uint32_t> position = {};  // failed: whose new worker
  bool whole = true;                           // false: it was the replacement of one worker
  bool another_next = false;                   // one was asked for while this one ran
};

}  // namespace brigade::cluster::detail
