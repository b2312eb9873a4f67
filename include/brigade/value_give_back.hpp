// The way back from a Value that could not be sent to the C++ object it was moved out of. Included
// by value_convert.hpp.
#pragma once

#include <brigade/value_traits.hpp>

#include <cstddef>
#include <utility>

namespace brigade::value_detail {

/// Moves back what write() has moved out of `to`, which nobody has touched since: its texts, bytes,
/// ports, descriptors and values. `value` may be a part of what there was to write, up to where it
/// failed. Everything else in `to` was only read.
template <class T>
void give_back(Value& value, T& to);

template <class T>
void give_back_members(Value& value, T& to) {
  boost::mp11::mp_for_each<members<T>>([&](auto member) {
    if (Value* const field = value.find(member.name)) give_back(*field, to.*member.pointer);
  });
}

template <class T>
void give_back_map(Value& value, T& to) {
  for (auto& [key, item] : to) {
    if (Value* const field = value.find(std::string_view(key))) give_back(*field, item);
  }
}

template <class T>
void give_back_items(Value::Array& items, T& to) {
  std::size_t index = 0;
  for (auto& item : to) {
    if (index == items.size()) return;
    give_back(items[index++], item);
  }
}

template <class T>
void give_back_tuple(Value::Array& items, T& to) {
  std::size_t index = 0;
  const auto next = [&](auto& item) {
    if (index < items.size()) give_back(items[index++], item);
  };
  std::apply([&](auto&... each) { (next(each), ...); }, to);
}

template <class T>
void give_back(Value& value, T& to) {
  Value::Array* const items = value.get_if<Value::Array>();
  if constexpr (std::is_const_v<T>) {
    // was copied
  } else if constexpr (std::same_as<T, Value>) {
    if (!value.is_null()) to = std::move(value);
  } else if constexpr (one_of<T, std::string, Bytes, Value::Array, Value::Object, MessagePort,
                              Fd>) {
    if (T* const held = value.get_if<T>()) to = std::move(*held);
  } else if constexpr (is_optional<T> || is_unique_pointer<T>) {
    if (to) give_back(value, *to);
  } else if constexpr (is_variant<T>) {
    if (!items || items->size() != 2 || to.valueless_by_exception()) return;
    std::visit([&](auto& item) { give_back((*items)[1], item); }, to);
  } else if constexpr (text<T> || byte_range<T> || is_shared_pointer<T>) {
    // was copied
  } else if constexpr (described<T>) {
    give_back_members(value, to);
  } else if constexpr (named_map<T>) {
    if constexpr (owning_range<T>) give_back_map(value, to);
  } else if constexpr (range<T>) {
    if constexpr (owning_range<T> && !std::same_as<typename T::value_type, bool>) {
      if (items) give_back_items(*items, to);
    }
  } else if constexpr (tuple_like<T>) {
    if (items) give_back_tuple(*items, to);
  }
}

}  // namespace brigade::value_detail
