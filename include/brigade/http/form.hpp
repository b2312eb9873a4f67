// Names and values from a query string or from an application/x-www-form-urlencoded body; both are
// written the same way (URL Standard, section 5).
#pragma once

#include <brigade/result.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace brigade::http {

template <class T>
concept QueryNumber =
    std::same_as<T, signed char> || std::same_as<T, unsigned char> || std::same_as<T, short> ||
    std::same_as<T, unsigned short> || std::same_as<T, int> || std::same_as<T, unsigned> ||
    std::same_as<T, long> || std::same_as<T, unsigned long> || std::same_as<T, long long> ||
    std::same_as<T, unsigned long long> || std::same_as<T, float> || std::same_as<T, double>;

/// Pairs in the order they came, names repeated as they came. Owns its strings; views it hands out
/// live as long as it does and is not moved. Not thread-safe, as any value.
class QueryParams {
 public:
  using Pair = std::pair<std::string, std::string>;
  static constexpr std::size_t max_pairs = 1000;

  QueryParams() = default;

  /// "a=1&b=x+y&c": '+' is a space, a name alone has an empty value, empty pairs are skipped.
  /// `text` is what follows the '?', or the body. An error (answer it with 400) for a bad escape
  /// and for more than `max_pairs` pairs. Decoded bytes are not checked to be UTF-8.
  static Result<QueryParams> parse(std::string_view text);

  /// The first value of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  /// Every value of that name, in order.
  std::vector<std::string_view> all(std::string_view name) const;

  /// The first value of that name as a number, which must be all of it: no spaces, no leading '+',
  /// no infinity. Errors can be shown to the client: `width: missing`, `width: expected an integer,
  /// got "12x"`, `width: expected an integer from 0 to 255, got "300"`.
  template <QueryNumber T>
  Result<T> number(std::string_view name) const;

  /// The same, with `otherwise` where there is none of that name.
  template <QueryNumber T>
  Result<T> number_or(std::string_view name, T otherwise) const {
    if (!get(name)) return otherwise;
    return number<T>(name);
  }

  std::size_t size() const { return pairs_.size(); }
  bool empty() const { return pairs_.empty(); }
  std::vector<Pair>::const_iterator begin() const { return pairs_.begin(); }
  std::vector<Pair>::const_iterator end() const { return pairs_.end(); }

 private:
  std::vector<Pair> pairs_;
};

}  // namespace brigade::http
