// From a Value to C++ types. Included by value_convert.hpp, which says what takes which form.
#pragma once

#include <brigade/value_traits.hpp>

#include <algorithm>
#include <limits>

namespace brigade::value_detail {

bool read_bool(const Value& from, bool& to, const Place& place, Error& error);
bool read_integer(const Value& from, std::int64_t low, std::uint64_t high, std::int64_t& to,
                  const Place& place, Error& error);
bool read_float(const Value& from, float& to, const Place& place, Error& error);
bool read_float(const Value& from, double& to, const Place& place, Error& error);

// Moves out what `from` holds, when it is a T.
template <class T>
bool take(Value& from, T& to, std::string_view expected, const Place& place, Error& error) {
  T* const found = from.get_if<T>();
  if (!found) return fail_type(error, place, expected, from);
  to = std::move(*found);
  return true;
}

// The array or object in `from`, or null and an error.
Value::Array* array_in(Value& from, const Place& place, Error& error);
Value::Object* object_in(Value& from, const Place& place, Error& error);

template <class T>
bool read(Value& from, T& to, const Place& place, Error& error);

template <class T>
bool read_enum(Value& from, T& to, const Place& place, Error& error) {
  using Number = std::underlying_type_t<T>;
  if (from.is_integer() || !described_enum<T>) {
    Number number{};
    if (!read(from, number, place, error)) return false;
    bool known = any_number_enum<T>;
    if constexpr (described_enum<T>) {
      boost::mp11::mp_for_each<enumerators<T>>(
          [&](auto candidate) { known = known || static_cast<Number>(candidate.value) == number; });
    } else {
      static_assert(
          any_number_enum<T>,
          "a message may hold any number: describe this enum with BOOST_DESCRIBE_ENUM, or "
          "give it an underlying type");
    }
    if (!known) return fail(error, place, "no enumerator has that number");
    to = static_cast<T>(number);
    return true;
  }
  if constexpr (described_enum<T>) {
    const std::string* const name = from.get_if<std::string>();
    if (!name) return fail_type(error, place, "a string", from);
    bool found = false;
    boost::mp11::mp_for_each<enumerators<T>>([&](auto candidate) {
      if (found || candidate.name != *name) return;
      to = candidate.value;
      found = true;
    });
    if (found) return true;
    std::string known;
    boost::mp11::mp_for_each<enumerators<T>>([&](auto candidate) {
      if (!known.empty()) known += ", ";
      known += candidate.name;
    });
    return fail_name(error, place, known, *name);
  }
  return false;
}

// Rounds towards zero when T is coarser.
template <class T>
bool read_duration(Value& from, T& to, const Place& place, Error& error) {
  using Nanoseconds = std::chrono::duration<std::int64_t, std::nano>;
  using Rep = typename T::rep;
  std::int64_t count = 0;
  if (!read(from, count, place, error)) return false;
  if constexpr (std::floating_point<Rep>) {
    to = std::chrono::duration_cast<T>(Nanoseconds(count));
  } else {
    using Scale = std::ratio_divide<typename T::period, std::nano>;
    // 128 bits hold any 64-bit count of a finer unit.
    const auto scaled = static_cast<__int128>(count) * Scale::den / Scale::num;
    if (scaled < std::numeric_limits<Rep>::min() || scaled > std::numeric_limits<Rep>::max()) {
      return fail(error, place, "the time is beyond the range of its type");
    }
    to = T(static_cast<Rep>(scaled));
  }
  return true;
}

template <class T>
bool read_pointer(Value& from, T& to, const Place& place, Error& error) {
  using Target = std::remove_const_t<typename T::element_type>;
  static_assert(std::default_initializable<Target>,
                "what a pointer in a message leads to must have a default constructor");
  if (from.is_null()) {
    to = nullptr;
    return true;
  }
  auto made = std::make_unique<Target>();
  if (!read(from, *made, place, error)) return false;
  to = std::move(made);
  return true;
}

template <class T>
bool read_members(Value& from, T& to, const Place& place, Error& error) {
  Value::Object* const object = object_in(from, place, error);
  if (!object) return false;
  bool good = true;
  boost::mp11::mp_for_each<members<T>>([&](auto member) {
    if (!good) return;
    auto& field = to.*member.pointer;
    const Place here = place.field(member.name);
    if (Value* const value = object->find(member.name)) {
      good = read(*value, field, here, error);
    } else if constexpr (nullable<std::remove_reference_t<decltype(field)>>) {
      field.reset();
    } else {
      good = fail(error, here, "missing");
    }
  });
  return good;
}

template <class T>
bool read_named_map(Value& from, T& to, const Place& place, Error& error) {
  static_assert(!std::is_trivially_copyable_v<typename T::key_type>,
                "the names are gone when the message is: use std::string for the keys");
  Value::Object* const object = object_in(from, place, error);
  if (!object) return false;
  to.clear();
  for (Field& field : *object) {
    typename T::mapped_type item{};
    if (!read(field.value, item, place.field(field.name()), error)) return false;
    to.emplace(field.name(), std::move(item));
  }
  return true;
}

template <class T>
bool read_map(Value& from, T& to, const Place& place, Error& error) {
  Value::Array* const array = array_in(from, place, error);
  if (!array) return false;
  to.clear();
  for (std::size_t i = 0; i < array->size(); ++i) {
    std::pair<typename T::key_type, typename T::mapped_type> entry{};
    if (!read((*array)[i], entry, place.element(i), error)) return false;
    to.insert(std::move(entry));
  }
  return true;
}

template <class T>
bool read_range(Value& from, T& to, const Place& place, Error& error) {
  Value::Array* const array = array_in(from, place, error);
  if (!array) return false;
  to.clear();
  if constexpr (requires { to.reserve(array->size()); }) to.reserve(array->size());
  for (std::size_t i = 0; i < array->size(); ++i) {
    typename T::value_type item{};
    if (!read((*array)[i], item, place.element(i), error)) return false;
    to.insert(to.end(), std::move(item));
  }
  return true;
}

template <class T>
bool read_bytes(Value& from, T& to, const Place& place, Error& error) {
  using Byte = typename T::value_type;
  const Bytes* const bytes = from.get_if<Bytes>();
  if (!bytes) return fail_type(error, place, "bytes", from);
  if constexpr (tuple_like<T>) {
    if (bytes->size() != to.size()) {
      return fail(
          error, place,
          "expected " + std::to_string(to.size()) + " bytes, got " + std::to_string(bytes->size()));
    }
  } else {
    to.resize(bytes->size());
  }
  std::ranges::transform(*bytes, to.begin(),
                         [](std::byte byte) { return static_cast<Byte>(byte); });
  return true;
}

template <class T>
bool read_tuple(Value& from, T& to, const Place& place, Error& error) {
  Value::Array* const array = array_in(from, place, error);
  if (!array) return false;
  constexpr std::size_t size = std::tuple_size_v<T>;
  if (array->size() != size) return fail_size(error, place, size, array->size());
  std::size_t index = 0;
  const auto read_next = [&](auto& item) {
    const Place here = place.element(index);
    return read((*array)[index++], item, here, error);
  };
  return std::apply([&](auto&... items) { return (read_next(items) && ...); }, to);
}

template <class T>
bool read_variant(Value& from, T& to, const Place& place, Error& error) {
  constexpr std::size_t size = std::variant_size_v<T>;
  Value::Array* const array = array_in(from, place, error);
  if (!array) return false;
  if (array->size() != 2) return fail_size(error, place, 2, array->size());
  std::int64_t index = 0;
  if (!read_integer((*array)[0], 0, size - 1, index, place.element(0), error)) return false;
  const Place here = place.element(1);
  return [&]<std::size_t... Each>(std::index_sequence<Each...>) {
    return ((static_cast<std::size_t>(index) == Each &&
             read((*array)[1], to.template emplace<Each>(), here, error)) ||
            ...);
  }(std::make_index_sequence<size>());
}

template <class T>
bool read_shared_array(Value& from, T& to, const Place& place, Error& error) {
  Value::Object* const object = object_in(from, place, error);
  if (!object) return false;
  auto buffer = to.buffer();
  std::uint64_t offset = 0;
  std::uint64_t element_size = 0;
  std::optional<std::uint64_t> count;
  const auto read_field = [&](std::string_view name, auto& into) {
    Value* const value = object->find(name);
    const Place here = place.field(name);
    return value ? read(*value, into, here, error) : fail(error, here, "missing");
  };
  if (!read_field("buffer", buffer) || !read_field("offset", offset) ||
      !read_field("element_size", element_size) ||
      (object->contains("count") && !read_field("count", count))) {
    return false;
  }
  if (element_size != sizeof(typename T::value_type)) {
    return fail(error, place,
                "expected elements of " + std::to_string(sizeof(typename T::value_type)) +
                    " bytes, got " + std::to_string(element_size));
  }
  if (!buffer) {
    to = T();
    return true;
  }
  Result<T> array = T::over(std::move(buffer), offset, count.value_or(T::all));
  if (!array) return fail(error, place, array.error().message());
  to = std::move(*array);
  return true;
}

template <class T>
bool read(Value& from, T& to, const Place& place, Error& error) {
  if constexpr (std::same_as<T, Value>) {
    to = std::move(from);
    return true;
  } else if constexpr (std::same_as<T, std::monostate>) {
    return from.is_null() || fail_type(error, place, "null", from);
  } else if constexpr (std::same_as<T, bool>) {
    return read_bool(from, to, place, error);
  } else if constexpr (integer<T>) {
    std::int64_t wide = 0;
    const bool good =
        read_integer(from, static_cast<std::int64_t>(std::numeric_limits<T>::min()),
                     static_cast<std::uint64_t>(std::numeric_limits<T>::max()), wide, place, error);
    to = static_cast<T>(wide);
    return good;
  } else if constexpr (one_of<T, float, double>) {
    return read_float(from, to, place, error);
  } else if constexpr (std::same_as<T, std::string>) {
    return take(from, to, "a string", place, error);
  } else if constexpr (std::same_as<T, Bytes>) {
    return take(from, to, "bytes", place, error);
  } else if constexpr (std::same_as<T, MessagePort>) {
    return take(from, to, "a port", place, error);
  } else if constexpr (std::same_as<T, SharedBuffer>) {
    return take(from, to, "a shared buffer", place, error);
  } else if constexpr (std::same_as<T, Fd>) {
    return take(from, to, "a descriptor", place, error);
  } else if constexpr (std::same_as<T, Value::Array>) {
    return take(from, to, "an array", place, error);
  } else if constexpr (std::same_as<T, Value::Object>) {
    return take(from, to, "an object", place, error);
  } else if constexpr (is_shared_array<T>) {
    return read_shared_array(from, to, place, error);
  } else if constexpr (byte_range<T>) {
    return read_bytes(from, to, place, error);
  } else if constexpr (is_optional<T>) {
    if (!from.is_null()) return read(from, to.emplace(), place, error);
    to.reset();
    return true;
  } else if constexpr (pointer<T>) {
    return read_pointer(from, to, place, error);
  } else if constexpr (is_variant<T>) {
    return read_variant(from, to, place, error);
  } else if constexpr (enumeration<T>) {
    return read_enum(from, to, place, error);
  } else if constexpr (is_duration<T>) {
    return read_duration(from, to, place, error);
  } else if constexpr (is_time_point<T>) {
    typename T::duration since{};
    const bool good = read_duration(from, since, place, error);
    to = T(since);
    return good;
  } else if constexpr (described<T>) {
    return read_members(from, to, place, error);
  } else if constexpr (named_map<T>) {
    return read_named_map(from, to, place, error);
  } else if constexpr (map<T>) {
    return read_map(from, to, place, error);
  } else if constexpr (tuple_like<T>) {
    return read_tuple(from, to, place, error);
  } else if constexpr (range<T> && !text<T> && !std::ranges::view<T>) {
    return read_range(from, to, place, error);
  } else {
    // A string_view or span, too: what it would view is gone when the message is.
    static_assert(unsupported<T>,
                  "cannot be read from a message: describe it with BOOST_DESCRIBE_STRUCT, or use a "
                  "type that owns what it holds");
  }
}

}  // namespace brigade::value_detail
