// JSON text to and from C++ values: Boost.JSON parses, Boost.Describe names the members.
//
//   struct User { std::string name; std::optional<int> age; };
//   BOOST_DESCRIBE_STRUCT(User, (), (name, age))
//
//   std::string text = to_json_text(user);                    // {"name":"Ann","age":null}
//   Result<User> user = from_json_text<User>(text);           // "age: expected an integer, got a
//   string"
//
// Types: bool, integers, floats, strings, std::optional, described structs (with their bases) and
// enums (as the enumerator's name), maps with string keys, std::array, std::pair, std::tuple
// (arrays of fixed length), any other container (an array), and boost::json::value, object and
// array.
//
// boost::json::value_to is not used: in 1.81 it neither says which field is wrong nor checks ranges
// field by field.
//
// Any thread; nothing is shared. Only memory exhaustion throws.
#pragma once

#include <brigade/compiler.hpp>
#include <brigade/result.hpp>

#include <boost/describe/bases.hpp>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace brigade {

/// The text's one value. The error says line, column (1-based, in bytes), byte offset and what was
/// wrong there. Refused: invalid UTF-8, nesting deeper than 64, anything after the value but white
/// space. Of equal names in an object the last one counts.
Result<boost::json::value> parse_json(std::string_view text);

/// Errors name the field: "user.age: expected an integer, got a string", "users[3].name: missing".
/// Unknown fields are ignored; only an optional may be missing or null. An integer may be written
/// with a fraction of zero ("1.0"), but must be in range; a float may be written as an integer.
template <class T>
Result<T> from_json(const boost::json::value& value);
template <class T>
Result<T> from_json_text(std::string_view text);

/// Compact JSON. An empty optional is null, and so are infinities and NaN, which JSON cannot write;
/// bytes that are not UTF-8 become U+FFFD. Integers beyond 2^53 are written in full.
template <class T>
std::string to_json_text(const T& value);

namespace json_detail {

template <class T, class... Options>
concept one_of = (std::same_as<T, Options> || ...);
template <class T>
concept character = one_of<T, char, wchar_t, char8_t, char16_t, char32_t>;
template <class T>
concept integer = std::integral<T> && !character<T> && !std::same_as<T, bool>;
template <class T>
concept text = std::convertible_to<const T&, std::string_view> && !std::same_as<T, std::nullptr_t>;
template <class T>
concept tree = one_of<T, boost::json::value, boost::json::object, boost::json::array>;
template <class T>
concept described = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;
template <class T>
concept described_enum = boost::describe::has_describe_enumerators<T>::value;
template <class T>
concept tuple_like = requires { std::tuple_size<T>::value; };
template <class T>
concept range = std::ranges::input_range<const T> && requires { typename T::value_type; };
template <class T>
concept map = range<T> && requires {
  typename T::mapped_type;
  requires text<typename T::key_type>;
};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool unsupported = false;

template <class T>
using members = boost::describe::describe_members<T, boost::describe::mod_any_access |
                                                         boost::describe::mod_inherited>;

// ---- Writing ----

void write_bool(std::string& out, bool value);
void write_integer(std::string& out, std::int64_t value);
void write_integer(std::string& out, std::uint64_t value);
void write_float(std::string& out, float value);
void write_float(std::string& out, double value);
void write_string(std::string& out, std::string_view value);
void write_tree(std::string& out, const boost::json::value& value);
void write_tree(std::string& out, const boost::json::object& value);
void write_tree(std::string& out, const boost::json::array& value);

template <class T>
void write(std::string& out, const T& value);

template <described_enum T>
std::string_view name_of(T value) {
  std::string_view name;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto known) {
    if (name.empty() && known.value == value) name = known.name;
  });
  return name;
}

// Writes "[a,b]" or "{...}": the caller's callable writes the elements and calls next() before
// each.
template <class Body>
void write_list(std::string& out, char open, char close, Body body) {
  out += open;
  bool first = true;
  body([&] {
    if (!first) out += ',';
    first = false;
  });
  out += close;
}

template <class T>
void write_members(std::string& out, const T& value) {
  write_list(out, '{', '}', [&](auto next) {
    boost::mp11::mp_for_each<members<T>>([&](auto member) {
      next();
      write_string(out, member.name);
      out += ':';
      write(out, value.*member.pointer);
    });
  });
}

template <class T>
void write(std::string& out, const T& value) {
  if constexpr (std::same_as<T, bool>) {
    write_bool(out, value);
  } else if constexpr (integer<T>) {
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    write_integer(out, static_cast<Wide>(value));
  } else if constexpr (one_of<T, float, double>) {
    write_float(out, value);
  } else if constexpr (tree<T>) {
    write_tree(out, value);
  } else if constexpr (text<T>) {
    write_string(out, value);
  } else if constexpr (is_optional<T>) {
    if (value) return write(out, *value);
    out += "null";
  } else if constexpr (described_enum<T>) {
    const std::string_view name = name_of(value);
    if (!name.empty()) return write_string(out, name);
    write(out, static_cast<std::underlying_type_t<T>>(value));  // no such enumerator: its number
  } else if constexpr (described<T>) {
    write_members(out, value);
  } else if constexpr (map<T>) {
    write_list(out, '{', '}', [&](auto next) {
      for (const auto& [key, item] : value) {
        next();
        write_string(out, key);
        out += ':';
        write(out, item);
      }
    });
  } else if constexpr (range<T>) {
    write_list(out, '[', ']', [&](auto next) {
      for (const auto& item : value) {
        next();
        write<typename T::value_type>(out, item);  // named: an item of vector<bool> is a proxy
      }
    });
  } else if constexpr (tuple_like<T>) {
    write_list(out, '[', ']', [&](auto next) {
      std::apply([&](const auto&... item) { ((next(), write(out, item)), ...); }, value);
    });
  } else {
    static_assert(unsupported<T>, "no JSON form: describe it with BOOST_DESCRIBE_STRUCT");
  }
}

// ---- Reading ----

// Where we are: a list on the stack, turned into text only when there is an error.
struct Path {
  const Path* parent = nullptr;
  std::string_view name = {};  // of a field
  std::size_t index = 0;       // of an element
  bool is_element = false;
};

// All return false and set `error`.
bool fail_missing(Error& error, const Path& path);
bool fail_type(Error& error, const Path& path, std::string_view expected,
               const boost::json::value& got);
bool fail_size(Error& error, const Path& path, std::size_t expected, std::size_t got);
bool fail_name(Error& error, const Path& path, std::string_view known, std::string_view got);

bool read_bool(const boost::json::value& from, bool& to, const Path& path, Error& error);
bool read_integer(const boost::json::value& from, std::int64_t low, std::int64_t high,
                  std::int64_t& to, const Path& path, Error& error);
bool read_integer(const boost::json::value& from, std::uint64_t low, std::uint64_t high,
                  std::uint64_t& to, const Path& path, Error& error);
bool read_float(const boost::json::value& from, float& to, const Path& path, Error& error);
bool read_float(const boost::json::value& from, double& to, const Path& path, Error& error);
bool read_string(const boost::json::value& from, std::string& to, const Path& path, Error& error);

// The array or object in `from`, or null and an error.
const boost::json::array* as_array(const boost::json::value& from, const Path& path, Error& error);
const boost::json::object* as_object(const boost::json::value& from, const Path& path,
                                     Error& error);
const boost::json::value* find(const boost::json::object& object, std::string_view name);

template <class T>
bool read(const boost::json::value& from, T& to, const Path& path, Error& error);

template <class T>
bool read_enum(const boost::json::value& from, T& to, const Path& path, Error& error) {
  std::string name;
  if (!read_string(from, name, path, error)) return false;
  bool found = false;
  std::string known;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto candidate) {
    if (found || candidate.name != name) return;
    to = candidate.value;
    found = true;
  });
  if (found) return true;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto candidate) {
    if (!known.empty()) known += ", ";
    known += candidate.name;
  });
  return fail_name(error, path, known, name);
}

template <class T>
bool read_members(const boost::json::value& from, T& to, const Path& path, Error& error) {
  const boost::json::object* object = as_object(from, path, error);
  if (!object) return false;
  bool good = true;
  boost::mp11::mp_for_each<members<T>>([&](auto member) {
    if (!good) return;
    auto& field = to.*member.pointer;
    const Path here{.parent = &path, .name = member.name};
    const boost::json::value* value = find(*object, member.name);
    if (value) {
      good = read(*value, field, here, error);
    } else if constexpr (is_optional<std::remove_reference_t<decltype(field)>>) {
      field.reset();
    } else {
      good = fail_missing(error, here);
    }
  });
  return good;
}

template <class T>
bool read_tuple(const boost::json::value& from, T& to, const Path& path, Error& error) {
  const boost::json::array* array = as_array(from, path, error);
  if (!array) return false;
  constexpr std::size_t size = std::tuple_size_v<T>;
  if (array->size() != size) return fail_size(error, path, size, array->size());
  std::size_t index = 0;
  const auto read_next = [&](auto& item) {
    const Path here{.parent = &path, .index = index, .is_element = true};
    return read((*array)[index++], item, here, error);
  };
  return std::apply([&](auto&... items) { return (read_next(items) && ...); }, to);
}

template <class T>
bool read_map(const boost::json::value& from, T& to, const Path& path, Error& error) {
  const boost::json::object* object = as_object(from, path, error);
  if (!object) return false;
  to.clear();
  for (const auto& field : *object) {
    const std::string_view name(field.key().data(), field.key().size());
    typename T::mapped_type item{};
    if (!read(field.value(), item, Path{.parent = &path, .name = name}, error)) return false;
    to.emplace(std::string(name), std::move(item));
  }
  return true;
}

template <class T>
bool read_range(const boost::json::value& from, T& to, const Path& path, Error& error) {
  const boost::json::array* array = as_array(from, path, error);
  if (!array) return false;
  to.clear();
  std::size_t index = 0;
  for (const boost::json::value& element : *array) {
    typename T::value_type item{};
    const Path here{.parent = &path, .index = index++, .is_element = true};
    if (!read(element, item, here, error)) return false;
    to.insert(to.end(), std::move(item));
  }
  return true;
}

template <class T>
bool read(const boost::json::value& from, T& to, const Path& path, Error& error) {
  if constexpr (std::same_as<T, bool>) {
    return read_bool(from, to, path, error);
  } else if constexpr (integer<T>) {
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    Wide wide = 0;
    const bool good = read_integer(from, Wide{std::numeric_limits<T>::min()},
                                   Wide{std::numeric_limits<T>::max()}, wide, path, error);
    to = static_cast<T>(wide);
    return good;
  } else if constexpr (one_of<T, float, double>) {
    return read_float(from, to, path, error);
  } else if constexpr (std::same_as<T, boost::json::value>) {
    to = from;  // a copy: `from` may live in memory that goes with the text
    return true;
  } else if constexpr (std::same_as<T, boost::json::object>) {
    const boost::json::object* object = as_object(from, path, error);
    if (object) to = *object;
    return object != nullptr;
  } else if constexpr (std::same_as<T, boost::json::array>) {
    const boost::json::array* array = as_array(from, path, error);
    if (array) to = *array;
    return array != nullptr;
  } else if constexpr (std::same_as<T, std::string>) {
    return read_string(from, to, path, error);
  } else if constexpr (is_optional<T>) {
    if (from.is_null()) {
      to.reset();
      return true;
    }
    return read(from, to.emplace(), path, error);
  } else if constexpr (described_enum<T>) {
    return read_enum(from, to, path, error);
  } else if constexpr (described<T>) {
    return read_members(from, to, path, error);
  } else if constexpr (map<T>) {
    return read_map(from, to, path, error);
  } else if constexpr (tuple_like<T>) {
    return read_tuple(from, to, path, error);
  } else if constexpr (range<T> && !text<T>) {
    return read_range(from, to, path, error);
  } else {
    // A string_view, too: what it would view is gone when the parsed text is.
    static_assert(unsupported<T>, "cannot be read from JSON: describe it, or use std::string");
  }
}

// parse_json into memory that is released in one go with the value, for values that do not last.
Result<boost::json::value> parse_scratch(std::string_view text);

}  // namespace json_detail

template <class T>
Result<T> from_json(const boost::json::value& value) {
  T to{};
  Error error;
  if (!json_detail::read(value, to, json_detail::Path{}, error)) return error;
  return to;
}

template <class T>
Result<T> from_json_text(std::string_view text) {
  Result<boost::json::value> value = json_detail::parse_scratch(text);
  if (!value) return value.error();
  return from_json<T>(*value);
}

template <class T>
std::string to_json_text(const T& value) {
  std::string out;
  json_detail::write(out, value);
  return out;
}

}  // namespace brigade
