#include "cluster/ctl_text.hpp"

#include <brigade/log.hpp>

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <iterator>

#include "cluster/control_json.hpp"

namespace brigade::cluster::detail {
namespace {

std::int64_t number(const Value& of, std::string_view name) {
  const Value* const field = of.find(name);
  const auto* const found = field ? field->get_if<std::int64_t>() : nullptr;
  return found ? *found : 0;
}

// Whatever the app's workers made it say.
std::string text(const Value& of, std::string_view name) {
  const Value* const field = of.find(name);
  const auto* const found = field ? field->get_if<std::string>() : nullptr;
  return found ? log::escape(*found) : std::string();
}

bool truth(const Value& of, std::string_view name) {
  const Value* const field = of.find(name);
  return field && field->is_bool() && field->as_bool();
}

const Value::Array& list(const Value& of, std::string_view name) {
  static const Value::Array none;
  const Value* const field = of.find(name);
  const auto* const found = field ? field->get_if<Value::Array>() : nullptr;
  return found ? *found : none;
}

std::string clock_text(std::int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

std::string duration_text(std::int64_t ms) {
  const double seconds = static_cast<double>(ms) / 1000;
  if (seconds < 120) return fmt::format("{} s", ms / 1000);
  if (seconds < 120 * 60) return fmt::format("{} min", ms / 60'000);
  if (seconds < 48 * 3600) return fmt::format("{:.1f} h", seconds / 3600);
  return fmt::format("{:.1f} d", seconds / 86400);
}

std::string size_text(std::int64_t bytes) {
  const auto size = static_cast<double>(bytes);
  if (size < 1e6) return fmt::format("{:.0f} kB", size / 1e3);
  if (size < 1e9) return fmt::format("{:.1f} MB", size / 1e6);
  return fmt::format("{:.1f} GB", size / 1e9);
}

std::string status_text(const Value& status) {
  const Value empty{};
  const Value* const found = status.find("primary");
  const Value& primary = found ? *found : empty;
  std::string out = fmt::format(
      "{}: primary {}, up {}, generation {}, {} restarts, {}{}{}\n", text(status, "app"),
      number(primary, "pid"), duration_text(number(status, "uptime_ms")),
      number(status, "generation"), number(status, "restarts"),
      size_text(number(primary, "rss_bytes")), truth(status, "reloading") ? ", reloading" : "",
      truth(status, "draining") ? ", stopping" : "");
  for (const Value& each : list(status, "listeners")) {
    if (each.is_string()) out += fmt::format("listens on {}\n", log::escape(each.as_string()));
  }
  constexpr const char* row = "{:>3} {:>6} {:>8}  {:<10} {:>7} {:>8} {:>7} {:>12} {:>8}\n";
  const auto add = [&](auto&&... cells) {
    fmt::format_to(std::back_inserter(out), fmt::runtime(row), cells...);
  };
  add("#", "worker", "pid", "state", "up", "restarts", "clients", "requests", "memory");
  for (const Value& each : list(status, "workers")) {
    add(number(each, "position"), number(each, "id"), number(each, "pid"),
        truth(each, "stopped") ? "stopped" : text(each, "state"),
        duration_text(number(each, "uptime_ms")), number(each, "restarts"),
        number(each, "connections"), number(each, "requests"),
        size_text(number(each, "rss_bytes")));
  }
  return out;
}

std::string event_text(const Value& event) {
  std::string out = clock_text(number(event, "time")) + " " + text(event, "event");
  if (const Value* worker = event.find("worker")) {
    out += fmt::format(" worker {} (pid {}, position {})", number(*worker, "id"),
                       number(*worker, "pid"), number(*worker, "position"));
  }
  const auto* const fields = event.get_if<Value::Object>();
  if (!fields) return out;
  for (const Field& each : *fields) {
    if (each.name() == "event" || each.name() == "time" || each.name() == "worker") continue;
    out += fmt::format(" {}={}", log::escape(each.name()),
                       each.value.is_string() ? log::escape(each.value.as_string())
                                              : log::escape(to_json(each.value)));
  }
  return out;
}

}  // namespace brigade::cluster::detail
