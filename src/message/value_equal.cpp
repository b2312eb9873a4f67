#include <brigade/shared_buffer.hpp>
#include <brigade/value.hpp>

namespace brigade {

// Both are of one kind, and no containers.
bool Value::equal_leaves(const Value& left, const Value& right) {
  switch (left.kind_) {
    case Kind::boolean:
      return left.as_.boolean == right.as_.boolean;
    case Kind::integer:
      return left.as_.integer == right.as_.integer;
    case Kind::number:
      return left.as_.number == right.as_.number;
    case Kind::string:
      return *left.as_.string == *right.as_.string;
    case Kind::bytes:
      return *left.as_.bytes == *right.as_.bytes;
    case Kind::buffer:
      return *left.as_.buffer == *right.as_.buffer;
    case Kind::port:
      return left.as_.port == right.as_.port;
    case Kind::descriptor:
      return left.as_.descriptor == right.as_.descriptor;
    default:
      return true;
  }
}

// Not by the containers' own operators: those would call each other as deep as the values are.
bool Value::equal(const Value& left, const Value& right) {
  if (!left.is_container()) return equal_leaves(left, right);
  std::vector<std::pair<const Value*, const Value*>> waiting = {{&left, &right}};
  const auto compare = [&](const Value& one, const Value& other) {
    if (one.kind_ != other.kind_) return false;
    if (!one.is_container()) return equal_leaves(one, other);
    waiting.emplace_back(&one, &other);
    return true;
  };
  while (!waiting.empty()) {
    const auto [one, other] = waiting.back();
    waiting.pop_back();
    if (one->size() != other->size()) return false;
    if (one->is_array()) {
      for (std::size_t i = 0; i < one->size(); ++i) {
        if (!compare((*one)[i], (*other)[i])) return false;
      }
      continue;
    }
    for (const Field& field : one->as_object()) {
      const Value* const same = other->find(field.name());
      if (!same || !compare(field.value, *same)) return false;
    }
  }
  return true;
}

}  // namespace brigade
