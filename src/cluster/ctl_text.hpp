// What `ctl` prints for people: 80 columns, and nothing that could move a terminal's cursor.
#pragma once

#include <brigade/value.hpp>

#include <cstdint>
#include <string>

namespace brigade::cluster::detail {

/// "45 s", "12 min", "3.2 h", "5.1 d"
std::string duration_text(std::int64_t ms);
/// "640 kB", "6.1 MB"
std::string size_text(std::int64_t bytes);

/// A table of the answer to `status`, with the end of its last line.
std::string status_text(const Value& status);
/// A line for an event, without its end.
std::string event_text(const Value& event);

}  // namespace brigade::cluster::detail
