// The answer to `status`.
#pragma once

#include <brigade/value.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "stats/scoreboard.hpp"

namespace brigade::cluster::detail {

struct StatusFacts {
  std::string_view app;
  bool draining = false;
  bool reloading = false;
  std::vector<std::string> listeners;
};

Value status_of(const stats::Scoreboard& board, const StatusFacts& facts);

}  // namespace brigade::cluster::detail
