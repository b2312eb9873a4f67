#include <brigade/value.hpp>

#include <algorithm>

#include "message/name_hash.hpp"

namespace brigade {
namespace {

constexpr std::size_t indexed_from = 16;

}  // namespace

// Invariant: slots_ is empty below `indexed_from` fields; else its size is a power of two, at least
// twice the number of fields, and every field has exactly one slot.

std::size_t Value::Object::position(std::string_view name) const {
  if (slots_.empty()) {
    const auto found = std::find_if(fields_.begin(), fields_.end(),
                                    [&](const Field& field) { return field.name() == name; });
    return static_cast<std::size_t>(found - fields_.begin());
  }
  const std::uint32_t hash = value_detail::name_hash(name);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].place != 0; at = (at + 1) & mask) {
    const std::size_t position = slots_[at].place - 1;
    if (slots_[at].hash == hash && fields_[position].name() == name) return position;
  }
  return fields_.size();
}

Value* Value::Object::find(std::string_view name) {
  const std::size_t found = position(name);
  return found < fields_.size() ? &fields_[found].value : nullptr;
}
const Value* Value::Object::find(std::string_view name) const {
  const std::size_t found = position(name);
  return found < fields_.size() ? &fields_[found].value : nullptr;
}

Value& Value::Object::operator[](std::string_view name) {
  if (Value* found = find(name)) return *found;
  return append(std::string(name), Value()).value;
}

bool Value::Object::insert(std::string name, Value&& value) {
  if (contains(name)) return false;
  append(std::move(name), std::move(value));
  return true;
}

bool Value::Object::erase(std::string_view name) {
  const std::size_t found = position(name);
  if (found == fields_.size()) return false;
  fields_.erase(fields_.begin() + static_cast<std::ptrdiff_t>(found));
  // All later fields have moved.
  if (!slots_.empty()) rebuild(fields_.size() < indexed_from ? 0 : slots_.size());
  return true;
}

void Value::Object::clear() {
  fields_.clear();
  slots_.clear();
}

Field& Value::Object::append(std::string name, Value&& value) {
  // Room in the index comes first: when there is no memory for either, nothing has changed.
  const std::size_t after = fields_.size() + 1;
  if (after >= indexed_from && after * 2 > slots_.size()) {
    rebuild(std::max(slots_.size() * 2, indexed_from * 4));
  }
  Field& field = fields_.emplace_back(std::move(name), std::move(value));
  if (!slots_.empty()) index(fields_.size() - 1);
  return field;
}

void Value::Object::rebuild(std::size_t slots) {
  slots_.assign(slots, Slot{});
  if (slots == 0) return;
  for (std::size_t i = 0; i < fields_.size(); ++i) index(i);
}

void Value::Object::index(std::size_t position) {
  const std::uint32_t hash = value_detail::name_hash(fields_[position].name());
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].place != 0) at = (at + 1) & mask;
  slots_[at] = Slot{.hash = hash, .place = static_cast<std::uint32_t>(position + 1)};
}

bool operator==(const Value::Object& left, const Value::Object& right) {
  return left.size() == right.size() &&
         std::all_of(left.begin(), left.end(), [&](const Field& field) {
           const Value* other = right.find(field.name());
           return other && field.value == *other;
         });
}

}  // namespace brigade
