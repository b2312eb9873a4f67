// Which C++ types have a form as a Value, and which. Included by value_convert.hpp.
#pragma once

#include <brigade/value.hpp>

#include <boost/describe/bases.hpp>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <tuple>
#include <variant>

namespace brigade {

template <class T>
class SharedArray;  // brigade/shared_array.hpp

namespace value_detail {

template <class T>
concept text = std::convertible_to<const T&, std::string_view> && !std::same_as<T, std::nullptr_t>;
template <class T>
concept described = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;
template <class T>
concept enumeration = std::is_enum_v<T>;
template <class T>
concept described_enum = enumeration<T> && boost::describe::has_describe_enumerators<T>::value;
// Only such an enum may hold any number of its underlying type.
template <class T>
concept any_number_enum = enumeration<T> && requires { T{std::underlying_type_t<T>{}}; };
template <class T>
concept tuple_like = requires { std::tuple_size<T>::value; };
// Not what is a range of itself, such as a path.
template <class T>
concept range = std::ranges::input_range<const T> && requires {
  typename T::value_type;
  requires !std::same_as<T, typename T::value_type>;
};
// Bytes are a number as well, but an array of them would weigh sixteen times as much.
template <class T>
concept byte_range = range<T> && std::ranges::contiguous_range<const T> &&
                     one_of<typename T::value_type, std::byte, unsigned char>;
template <class T>
concept map = range<T> && requires { typename T::mapped_type; };
template <class T>
concept named_map = map<T> && text<typename T::key_type>;
// Whose elements are its own, to be moved from when it is.
template <class T>
concept owning_range = range<T> && !std::ranges::view<T> && !std::ranges::enable_borrowed_range<T>;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_unique_pointer = false;
template <class T, class D>
inline constexpr bool is_unique_pointer<std::unique_ptr<T, D>> = true;
template <class T>
inline constexpr bool is_shared_pointer = false;
template <class T>
inline constexpr bool is_shared_pointer<std::shared_ptr<T>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;
template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;
template <class T>
inline constexpr bool is_time_point = false;
template <class Clock, class Duration>
inline constexpr bool is_time_point<std::chrono::time_point<Clock, Duration>> = true;
template <class T>
inline constexpr bool is_shared_array = false;
template <class T>
inline constexpr bool is_shared_array<SharedArray<T>> = true;

template <class T>
inline constexpr bool unsupported = false;

template <class T>
concept pointer = is_unique_pointer<T> || is_shared_pointer<T>;
/// What may be missing from an object, and is null there.
template <class T>
concept nullable = is_optional<T> || pointer<T>;

template <class T>
using members = boost::describe::describe_members<T, boost::describe::mod_any_access |
                                                         boost::describe::mod_inherited>;
template <class T>
using enumerators = boost::describe::describe_enumerators<T>;

/// Where we are: a list on the stack, turned into text only when there is an error.
struct Place {
  enum class Step : std::uint8_t { root, field, element, pointer };

  const Place* parent = nullptr;
  std::string_view name = {};  // of a field
  std::size_t index = 0;       // of an element
  Step step = Step::root;
  std::size_t depth = 0;         // containers around this
  const void* target = nullptr;  // of a pointer, with its type: for finding cycles
  const void* type = nullptr;

  Place field(std::string_view field_name) const {
    return Place{.parent = this, .name = field_name, .step = Step::field, .depth = depth + 1};
  }
  Place element(std::size_t element_index) const {
    return Place{.parent = this, .index = element_index, .step = Step::element, .depth = depth + 1};
  }
  Place pointee(const void* address, const void* address_type) const {
    return Place{.parent = this,
                 .step = Step::pointer,
                 .depth = depth,
                 .target = address,
                 .type = address_type};
  }
};

// All return false and set `error`.
bool fail(Error& error, const Place& place, std::string_view what);
bool fail_type(Error& error, const Place& place, std::string_view expected, const Value& got);
bool fail_size(Error& error, const Place& place, std::size_t expected, std::size_t got);
bool fail_name(Error& error, const Place& place, std::string_view known, std::string_view got);
bool fail_range(Error& error, const Place& place, std::int64_t low, std::uint64_t high,
                std::int64_t got);
// `within` begins with a path of its own, which continues this one.
bool fail_within(Error& error, const Place& place, const Error& within);

/// Whether another array or object may begin here.
bool check_depth(const Place& place, Error& error);
/// Whether the pointer leads to something new: `place` is the pointee's.
bool check_cycle(const Place& place, Error& error);

// One address for each type.
template <class T>
inline constexpr char type_mark = 0;

}  // namespace value_detail
}  // namespace brigade
