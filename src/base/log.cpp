#include <brigade/log.hpp>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>

namespace brigade::log {
namespace {

constexpr std::array<std::string_view, 5> level_names{"debug", "info", "warn", "error", "off"};

Level level_from_environment() {
  const char* value = ::secure_getenv("BRIGADE_LOG");
  return level_from(value ? value : "info").value_or(Level::info);
}

std::atomic<Level> current_level{level_from_environment()};

spdlog::logger& logger() {
  // Leaked on purpose: threads may still log while static objects are being destroyed.
  static auto* const instance = [] {
    auto* made = new spdlog::logger("brigade", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_level(spdlog::level::trace);
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %P %l: %v");
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte != 0x7f;
}

void append_hex(std::string& out, unsigned char byte) {
  fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
}

}  // namespace

std::string_view name_of(Level level) {
  const auto index = static_cast<std::size_t>(level);
  return index < level_names.size() ? level_names[index] : "off";
}

std::optional<Level> level_from(std::string_view name) {
  for (std::size_t index = 0; index < level_names.size(); ++index) {
    if (level_names[index] == name) return static_cast<Level>(index);
  }
  return std::nullopt;
}

void set_level(Level level) {
  current_level.store(level, std::memory_order_relaxed);
}
Level level() {
  return current_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view line) {
  spdlog::level::level_enum to = spdlog::level::info;
  if (level == Level::debug) to = spdlog::level::debug;
  if (level == Level::warn) to = spdlog::level::warn;
  if (level == Level::error) to = spdlog::level::err;
  bool plain = true;
  for (unsigned char byte : line) plain = plain && is_plain(byte);
  if (plain) {
    logger().log(to, spdlog::string_view_t(line.data(), line.size()));
    return;
  }
  std::string escaped;
  for (unsigned char byte : line) {
    if (is_plain(byte)) {
      escaped.push_back(static_cast<char>(byte));
    } else {
      append_hex(escaped, byte);
    }
  }
  logger().log(to, spdlog::string_view_t(escaped));
}

std::string escape(std::string_view text) {
  constexpr std::size_t limit = 1024;
  std::string out;
  for (unsigned char byte : text.substr(0, limit)) {
    if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
      out.push_back(static_cast<char>(byte));
    } else {
      append_hex(out, byte);
    }
  }
  if (text.size() > limit) out += "...";
  return out;
}

}  // namespace brigade::log
