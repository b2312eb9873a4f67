#include <brigade/shared_buffer.hpp>
#include <brigade/value.hpp>

#include <fmt/format.h>

#include "message/value_walk.hpp"

namespace brigade {
namespace {

// Of a container only the shell: what is in it follows.
Value copy(const Value& from) {
  switch (from.kind()) {
    case Value::Kind::boolean:
      return from.as_bool();
    case Value::Kind::integer:
      return from.as_integer();
    case Value::Kind::number:
      return from.as_number();
    case Value::Kind::string:
      return from.as_string();
    case Value::Kind::bytes:
      return Bytes(from.as_bytes());
    case Value::Kind::buffer:
      return from.as_buffer();
    case Value::Kind::array: {
      Value::Array items;
      items.reserve(from.size());
      return items;
    }
    case Value::Kind::object:
      return Value::Object();
    default:
      return nullptr;
  }
}

}  // namespace

Result<Value> Value::clone(const ValueLimits& limits) const {
  if (!is_boxed()) return copy(*this);
  // First all checks, so that a message that is too large costs no memory.
  if (Result<void> checked = check(*this, limits); !checked) return checked.error();

  Value root;
  std::vector<Value*> open;  // the copies of the containers that the walk is in
  value_detail::Walk<const Value> walk(*this);
  while (const Value* at = walk.next()) {
    if (at->is_port() || at->is_descriptor()) {
      return Error(value_detail::at_path(
          walk.path(), fmt::format("{} cannot be copied, move the message", describe(at->kind()))));
    }
    open.resize(walk.depth());
    Value* here = &root;
    if (const std::string* name = walk.name()) {
      here = &(*open.back())[*name];
    } else if (!open.empty()) {
      here = &open.back()->as_array().emplace_back();
    }
    *here = copy(*at);
    // Stays where it is: the array around it has all its room, and an object grows only by fields
    // after this one, when this one is done.
    if (here->is_container()) open.push_back(here);
  }
  return root;
}

}  // namespace brigade
