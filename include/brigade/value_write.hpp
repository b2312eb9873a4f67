// From C++ types to a Value. Included by value_convert.hpp, which says what takes which form.
#pragma once

#include <brigade/value_traits.hpp>

namespace brigade::value_detail {

// Whatever writes a container hands out what it has of it also when it fails: somebody may want it
// back (value_give_back.hpp).

bool write_unsigned(Value& out, std::uint64_t value, const Place& place, Error& error);
/// Nanoseconds out of count * num / den of them.
bool write_nanoseconds(Value& out, std::int64_t count, std::int64_t num, std::int64_t den,
                       const Place& place, Error& error);
bool write_nanoseconds(Value& out, double nanoseconds, const Place& place, Error& error);

// T as for std::forward: an object that is not const and not an lvalue is moved from.
template <class T>
inline constexpr bool moved = !std::is_lvalue_reference_v<T> && !std::is_const_v<T>;

template <class T>
bool write(Value& out, T&& from, const Place& place, Error& error);

template <class T>
bool write_enum(Value& out, T from, const Place& place, Error& error) {
  if constexpr (described_enum<T>) {
    std::string_view name;
    boost::mp11::mp_for_each<enumerators<T>>([&](auto known) {
      if (name.empty() && known.value == from) name = known.name;
    });
    if (!name.empty()) {
      out = Value(name);
      return true;
    }
  }
  return write(out, static_cast<std::underlying_type_t<T>>(from), place, error);
}

template <class Rep, class Period>
bool write_duration(Value& out, std::chrono::duration<Rep, Period> from, const Place& place,
                    Error& error) {
  using Scale = std::ratio_divide<Period, std::nano>;
  if constexpr (std::floating_point<Rep>) {
    return write_nanoseconds(
        out, static_cast<double>(from.count()) * Scale::num / static_cast<double>(Scale::den),
        place, error);
  } else {
    static_assert(sizeof(Rep) <= sizeof(std::int64_t) && std::signed_integral<Rep>);
    return write_nanoseconds(out, std::int64_t{from.count()}, Scale::num, Scale::den, place, error);
  }
}

// What is pointed at by a unique pointer goes with it; what others may hold as well is copied.
template <class T>
bool write_pointer(Value& out, T&& from, const Place& place, Error& error) {
  using Target = typename std::remove_cvref_t<T>::element_type;
  if (!from) {
    out = nullptr;
    return true;
  }
  const Place here = place.pointee(from.get(), &type_mark<std::remove_const_t<Target>>);
  if (!check_cycle(here, error)) return false;
  if constexpr (moved<T> && is_unique_pointer<std::remove_cvref_t<T>>) {
    return write(out, std::move(*from), here, error);
  } else {
    return write(out, std::as_const(*from), here, error);
  }
}

template <class T>
bool write_members(Value& out, T&& from, const Place& place, Error& error) {
  if (!check_depth(place, error)) return false;
  Value::Object fields;
  bool good = true;
  boost::mp11::mp_for_each<members<std::remove_cvref_t<T>>>([&](auto member) {
    if (!good) return;
    good = write(fields[member.name], std::forward<T>(from).*member.pointer,
                 place.field(member.name), error);
  });
  out = Value(std::move(fields));
  return good;
}

template <class T>
bool write_named_map(Value& out, T&& from, const Place& place, Error& error) {
  if (!check_depth(place, error)) return false;
  Value::Object fields;
  bool good = true;
  for (auto&& [key, item] : from) {
    const std::string_view name(key);
    const Place here = place.field(name);
    if (fields.contains(name)) {
      good = fail(error, here, "an object cannot hold two values of one name");
      break;
    }
    Value& value = fields[name];
    if constexpr (moved<T> && owning_range<std::remove_cvref_t<T>>) {
      good = write(value, std::move(item), here, error);
    } else {
      good = write(value, std::as_const(item), here, error);
    }
    if (!good) break;
  }
  out = Value(std::move(fields));
  return good;
}

template <class T>
bool write_range(Value& out, T&& from, const Place& place, Error& error) {
  using Range = std::remove_cvref_t<T>;
  if (!check_depth(place, error)) return false;
  Value::Array items;
  if constexpr (std::ranges::sized_range<Range>) items.reserve(std::ranges::size(from));
  std::size_t index = 0;
  bool good = true;
  for (auto&& item : from) {
    const Place here = place.element(index++);
    Value& to = items.emplace_back();
    if constexpr (std::same_as<typename Range::value_type, bool>) {
      good = write(to, static_cast<bool>(item), here, error);  // of vector<bool>: a proxy
    } else if constexpr (moved<T> && owning_range<Range>) {
      good = write(to, std::move(item), here, error);  // a set's are const, and copied
    } else {
      good = write(to, std::as_const(item), here, error);
    }
    if (!good) break;
  }
  out = Value(std::move(items));
  return good;
}

template <class T>
bool write_tuple(Value& out, T&& from, const Place& place, Error& error) {
  if (!check_depth(place, error)) return false;
  Value::Array items(std::tuple_size_v<std::remove_cvref_t<T>>);
  std::size_t index = 0;
  const auto write_next = [&]<class Item>(Item&& item) {
    const Place here = place.element(index);
    return write(items[index++], std::forward<Item>(item), here, error);
  };
  const bool good =
      std::apply([&]<class... Items>(
                     Items&&... item) { return (write_next(std::forward<Items>(item)) && ...); },
                 std::forward<T>(from));
  out = Value(std::move(items));
  return good;
}

// [index, value]: Boost.Describe knows no name for an alternative, and two may be of one type.
template <class T>
bool write_variant(Value& out, T&& from, const Place& place, Error& error) {
  if (!check_depth(place, error)) return false;
  if (from.valueless_by_exception()) return fail(error, place, "the variant holds no value");
  Value::Array items(2);
  items[0] = from.index();
  const Place here = place.element(1);
  const bool good = std::visit(
      [&]<class Item>(Item&& item) {
        return write(items[1], std::forward<Item>(item), here, error);
      },
      std::forward<T>(from));
  out = Value(std::move(items));
  return good;
}

template <class T>
bool write_shared_array(Value& out, const T& from, const Place& place, Error& error) {
  if (!check_depth(place, error)) return false;
  out = Value::object({{"buffer", from.buffer()},
                       {"offset", from.offset()},
                       {"element_size", sizeof(typename T::value_type)}});
  if (!from.tracks_length()) out["count"] = from.size();
  return true;
}

template <class T>
bool write_value(Value& out, T&& from, const Place& place, Error& error) {
  if constexpr (moved<T>) {
    out = std::move(from);
  } else {
    Result<Value> copy = from.clone();
    if (!copy) return fail_within(error, place, copy.error());
    out = std::move(*copy);
  }
  return true;
}

template <class T>
bool write(Value& out, T&& from, const Place& place, Error& error) {
  using Type = std::remove_cvref_t<T>;
  if constexpr (std::same_as<Type, Value>) {
    return write_value(out, std::forward<T>(from), place, error);
  } else if constexpr (one_of<Type, std::nullptr_t, std::nullopt_t, std::monostate>) {
    out = nullptr;
  } else if constexpr (one_of<Type, bool, float, double>) {
    out = from;
  } else if constexpr (integer<Type>) {
    if constexpr (std::unsigned_integral<Type>) return write_unsigned(out, from, place, error);
    out = from;
  } else if constexpr (one_of<Type, MessagePort, Fd>) {
    static_assert(moved<T>,
                  "a port or descriptor is moved into a message, not copied: pass std::move(x), or "
                  "std::move() what holds it");
    if constexpr (moved<T>) out = Value(std::move(from));
  } else if constexpr (std::same_as<Type, SharedBuffer>) {
    out = Value(from);
  } else if constexpr (is_shared_array<Type>) {
    return write_shared_array(out, from, place, error);
  } else if constexpr (one_of<Type, std::string, Bytes>) {
    if constexpr (moved<T>) {
      out = Value(std::move(from));
    } else {
      out = Value(Type(from));
    }
  } else if constexpr (one_of<Type, Value::Array, Value::Object>) {
    static_assert(moved<T>, "an array or object of values is moved: pass std::move(x)");
    if constexpr (moved<T>) out = Value(std::move(from));
  } else if constexpr (std::convertible_to<Type, const char*>) {
    out = Value(static_cast<const char*>(from));
  } else if constexpr (text<Type>) {
    out = Value(static_cast<std::string_view>(from));
  } else if constexpr (byte_range<Type>) {
    const auto bytes = std::as_bytes(std::span(std::ranges::data(from), std::ranges::size(from)));
    out = Value(Bytes(bytes.begin(), bytes.end()));
  } else if constexpr (is_optional<Type>) {
    if (from) return write(out, *std::forward<T>(from), place, error);
    out = nullptr;
  } else if constexpr (pointer<Type>) {
    return write_pointer(out, std::forward<T>(from), place, error);
  } else if constexpr (is_variant<Type>) {
    return write_variant(out, std::forward<T>(from), place, error);
  } else if constexpr (enumeration<Type>) {
    return write_enum(out, from, place, error);
  } else if constexpr (is_duration<Type>) {
    return write_duration(out, from, place, error);
  } else if constexpr (is_time_point<Type>) {
    return write_duration(out, from.time_since_epoch(), place, error);
  } else if constexpr (described<Type>) {
    return write_members(out, std::forward<T>(from), place, error);
  } else if constexpr (named_map<Type>) {
    return write_named_map(out, std::forward<T>(from), place, error);
  } else if constexpr (range<Type>) {
    return write_range(out, std::forward<T>(from), place, error);
  } else if constexpr (tuple_like<Type>) {
    return write_tuple(out, std::forward<T>(from), place, error);
  } else if constexpr (std::is_pointer_v<Type>) {
    static_assert(unsupported<Type>,
                  "a raw pointer has no form as a message: who owns it? Send the value, or a "
                  "std::unique_ptr to it");
  } else {
    static_assert(unsupported<Type>,
                  "this type has no form as a message: describe it with BOOST_DESCRIBE_STRUCT");
  }
  return true;
}

}  // namespace brigade::value_detail
