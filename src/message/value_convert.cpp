#include <brigade/value_convert.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "message/value_path.hpp"

namespace brigade::value_detail {
namespace {

std::string path_of(const Place& place) {
  std::vector<const Place*> steps;
  for (const Place* at = &place; at; at = at->parent) steps.push_back(at);
  std::string path;
  for (auto at = steps.rbegin(); at != steps.rend(); ++at) {
    if ((*at)->step == Place::Step::field) append_name(path, (*at)->name);
    if ((*at)->step == Place::Step::element) append_index(path, (*at)->index);
  }
  return path;
}

constexpr double int64_limit = 9223372036854775808.0;  // 2^63, the first beyond

}  // namespace

bool fail(Error& error, const Place& place, std::string_view what) {
  error = Error(at_path(path_of(place), what));
  return false;
}
bool fail_type(Error& error, const Place& place, std::string_view expected, const Value& got) {
  return fail(error, place, fmt::format("expected {}, got {}", expected, describe(got.kind())));
}
bool fail_size(Error& error, const Place& place, std::size_t expected, std::size_t got) {
  return fail(error, place, fmt::format("expected an array of {} elements, got {}", expected, got));
}
bool fail_name(Error& error, const Place& place, std::string_view known, std::string_view got) {
  std::string quoted;
  append_quoted(quoted, got, 64);
  return fail(error, place, fmt::format("expected one of {}, got {}", known, quoted));
}
bool fail_range(Error& error, const Place& place, std::int64_t low, std::uint64_t high,
                std::int64_t got) {
  return fail(error, place,
              fmt::format("expected an integer from {} to {}, got {}", low, high, got));
}
bool fail_within(Error& error, const Place& place, const Error& within) {
  const std::string path = path_of(place);
  const bool continues = within.message().starts_with('.') || within.message().starts_with('[');
  error = Error(continues ? path + within.message() : at_path(path, within.message()));
  return false;
}

bool check_depth(const Place& place, Error& error) {
  constexpr std::size_t max_depth = ValueLimits{}.max_depth;
  if (place.depth < max_depth) return true;
  return fail(error, place, fmt::format("nested deeper than {} levels", max_depth));
}

// Looks through at most 64 levels, as check_depth lets no more come about.
bool check_cycle(const Place& place, Error& error) {
  for (const Place* at = place.parent; at; at = at->parent) {
    if (at->target != place.target || at->type != place.type) continue;
    const std::string back = path_of(*at);
    return fail(error, place,
                fmt::format("leads back to {}, and a message cannot hold a cycle",
                            back.empty() ? "the start" : back));
  }
  return true;
}

// ---- Writing ----

bool write_unsigned(Value& out, std::uint64_t value, const Place& place, Error& error) {
  if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    return fail(error, place,
                fmt::format("{} is too large for a message, whose integers end at {}", value,
                            std::numeric_limits<std::int64_t>::max()));
  }
  out = value;
  return true;
}

bool write_nanoseconds(Value& out, double nanoseconds, const Place& place, Error& error) {
  const double rounded = std::round(nanoseconds);
  if (!(rounded >= -int64_limit && rounded < int64_limit)) {
    return fail(error, place, "the time is beyond 64 bits of nanoseconds, 292 years");
  }
  out = static_cast<std::int64_t>(rounded);
  return true;
}

bool write_nanoseconds(Value& out, std::int64_t count, std::int64_t num, std::int64_t den,
                       const Place& place, Error& error) {
  // A look at the magnitude first, so that the exact product below fits 128 bits.
  const double about =
      static_cast<double>(count) * static_cast<double>(num) / static_cast<double>(den);
  const __int128 exact = std::abs(about) < 2 * int64_limit
                             ? static_cast<__int128>(count) * num / den
                             : std::numeric_limits<__int128>::max();
  if (exact < std::numeric_limits<std::int64_t>::min() ||
      exact > std::numeric_limits<std::int64_t>::max()) {
    return fail(error, place, "the time is beyond 64 bits of nanoseconds, 292 years");
  }
  out = static_cast<std::int64_t>(exact);
  return true;
}

// ---- Reading ----

bool read_bool(const Value& from, bool& to, const Place& place, Error& error) {
  if (!from.is_bool()) return fail_type(error, place, "a boolean", from);
  to = from.as_bool();
  return true;
}

bool read_integer(const Value& from, std::int64_t low, std::uint64_t high, std::int64_t& to,
                  const Place& place, Error& error) {
  if (!from.is_integer()) return fail_type(error, place, "an integer", from);
  to = from.as_integer();
  if (to < low || (to > 0 && static_cast<std::uint64_t>(to) > high)) {
    return fail_range(error, place, low, high, to);
  }
  return true;
}

bool read_float(const Value& from, double& to, const Place& place, Error& error) {
  if (!from.is_number() && !from.is_integer()) return fail_type(error, place, "a number", from);
  to = from.as_number();
  return true;
}

bool read_float(const Value& from, float& to, const Place& place, Error& error) {
  double wide = 0;
  if (!read_float(from, wide, place, error)) return false;
  to = static_cast<float>(wide);
  if (std::isinf(to) && !std::isinf(wide)) {
    return fail(error, place, fmt::format("expected a number that fits a float, got {}", wide));
  }
  return true;
}

Value::Array* array_in(Value& from, const Place& place, Error& error) {
  if (!from.is_array()) fail_type(error, place, "an array", from);
  return from.get_if<Value::Array>();
}
Value::Object* object_in(Value& from, const Place& place, Error& error) {
  if (!from.is_object()) fail_type(error, place, "an object", from);
  return from.get_if<Value::Object>();
}

}  // namespace brigade::value_detail
