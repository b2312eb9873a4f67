// What a client of the control socket may ask for: one schema for each command.
#pragma once

#include <brigade/log.hpp>
#include <brigade/result.hpp>
#include <brigade/value.hpp>

#include <cstdint>
#include <string_view>

namespace brigade::cluster::detail {

/// In every request and every hello. Within a version fields of answers are added, never changed.
inline constexpr std::int64_t control_version = 1;

enum class ControlCommand : std::uint8_t {
  status,
  reload,
  scale,
  drain,
  stop,
  restart,
  log_level,
  events,
};
/// As it stands in requests: "log-level".
std::string_view name_of(ControlCommand command);

struct ControlRequest {
  ControlCommand command = ControlCommand::status;
  std::uint32_t workers = 0;   // scale: how many there shall be
  std::uint32_t position = 0;  // restart: of the worker
  bool now = false;            // stop: without finishing anything
  log::Level level = log::Level::info;
};

/// {"version":1,"command":"scale","workers":4}. Fields that the command does not have are refused,
/// so that nobody believes they did something.
Result<ControlRequest> read_request(std::string_view text);

}  // namespace brigade::cluster::detail
