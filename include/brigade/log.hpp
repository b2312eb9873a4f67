// Logging: one line a record, to standard error. The library behind it stays out of this header.
#pragma once

#include <fmt/core.h>

#include <optional>
#include <string>
#include <string_view>

namespace brigade::log {

enum class Level { debug, info, warn, error, off };

/// "debug", "info", "warn", "error" or "off", and back; nothing for any other word.
std::string_view name_of(Level level);
std::optional<Level> level_from(std::string_view name);

/// The lowest level that is written. Starts as BRIGADE_LOG (debug, info, warn, error, off), or
/// info.
void set_level(Level level);
Level level();

/// Any thread. Control characters in `line` are escaped, so that a record is always one line.
void write(Level level, std::string_view line);

/// `text` with control characters, quotes, backslashes and bytes above 0x7E as \xNN, cut at 1 KiB:
/// use it for anything that a client sent.
std::string escape(std::string_view text);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::debug)
    write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::info) write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::warn) write(Level::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::error)
    write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace brigade::log
