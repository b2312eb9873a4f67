#include <brigade/http/form.hpp>
#include <brigade/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "http/percent.hpp"

namespace brigade::http {
namespace {

template <class T>
std::string expected() {
  if constexpr (std::integral<T>) return "an integer";
  return "a number";
}

template <class T>
std::string expected_range() {
  if constexpr (std::integral<T>) {
    using Limits = std::numeric_limits<T>;
    return fmt::format("an integer from {} to {}", Limits::min(), Limits::max());
  }
  return fmt::format("a number that fits a {}", sizeof(T) == sizeof(float) ? "float" : "double");
}

}  // namespace

Result<QueryParams> QueryParams::parse(std::string_view text) {
  QueryParams params;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (params.pairs_.size() == max_pairs) {
      return Error(fmt::format("more than {} parameters", max_pairs));
    }
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    Pair decoded;
    if (!percent_decode(pair.substr(0, equals), decoded.first, true) ||
        !percent_decode(value, decoded.second, true)) {
      return Error(fmt::format("bad percent escape in \"{}\"", log::escape(pair)));
    }
    params.pairs_.push_back(std::move(decoded));
  }
  return params;
}

std::optional<std::string_view> QueryParams::get(std::string_view name) const {
  const auto found = std::ranges::find(pairs_, name, &Pair::first);
  if (found == pairs_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string_view> QueryParams::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Pair& pair : pairs_) {
    if (pair.first == name) values.emplace_back(pair.second);
  }
  return values;
}

template <QueryNumber T>
Result<T> QueryParams::number(std::string_view name) const {
  const std::optional<std::string_view> text = get(name);
  if (!text) return Error(fmt::format("{}: missing", log::escape(name)));
  const auto refuse = [&](const std::string& wanted) {
    return Error(
        fmt::format("{}: expected {}, got \"{}\"", log::escape(name), wanted, log::escape(*text)));
  };
  if constexpr (std::unsigned_integral<T>) {
    // from_chars would say of "-5" that it is no integer at all.
    if (text->starts_with('-')) return refuse(expected_range<T>());
  }
  T number{};
  const char* const end = text->data() + text->size();
  const auto [stop, code] = std::from_chars(text->data(), end, number);
  if (stop != end || code == std::errc::invalid_argument) return refuse(expected<T>());
  if (code == std::errc::result_out_of_range) return refuse(expected_range<T>());
  if constexpr (std::floating_point<T>) {
    if (!std::isfinite(number)) return refuse(expected<T>());  // from_chars reads "inf" and "nan"
  }
  return number;
}

template Result<signed char> QueryParams::number(std::string_view) const;
template Result<unsigned char> QueryParams::number(std::string_view) const;
template Result<short> QueryParams::number(std::string_view) const;
template Result<unsigned short> QueryParams::number(std::string_view) const;
template Result<int> QueryParams::number(std::string_view) const;
template Result<unsigned int> QueryParams::number(std::string_view) const;
template Result<long> QueryParams::number(std::string_view) const;
template Result<unsigned long> QueryParams::number(std::string_view) const;
template Result<long long> QueryParams::number(std::string_view) const;
template Result<unsigned long long> QueryParams::number(std::string_view) const;
template Result<float> QueryParams::number(std::string_view) const;
template Result<double> QueryParams::number(std::string_view) const;

}  // namespace brigade::http
