#include <brigade/message_port.hpp>
#include <brigade/shared_buffer.hpp>
#include <brigade/value.hpp>

#include <fmt/format.h>

namespace brigade {

Value::Value(const char* text) {
  if (!text) return;
  as_.string = new std::string(text);
  kind_ = Kind::string;
}
Value::Value(std::string_view text) : kind_(Kind::string) {
  as_.string = new std::string(text);
}
Value::Value(const std::string& text) : kind_(Kind::string) {
  as_.string = new std::string(text);
}
Value::Value(std::string&& text) : kind_(Kind::string) {
  as_.string = new std::string(std::move(text));
}
Value::Value(Bytes&& bytes) : kind_(Kind::bytes) {
  as_.bytes = new Bytes(std::move(bytes));
}
Value::Value(Array&& items) : kind_(Kind::array) {
  as_.array = new ArrayBox{.items = std::move(items)};
}
Value::Value(Object&& fields) : kind_(Kind::object) {
  as_.object = new ObjectBox{.fields = std::move(fields)};
}
Value::Value(MessagePort&& port) : kind_(Kind::port) {
  as_.port = new MessagePort(std::move(port));
}
Value::Value(const SharedBuffer& buffer) : kind_(Kind::buffer) {
  as_.buffer = new SharedBuffer(buffer);
}
Value::Value(Fd&& descriptor) : kind_(Kind::descriptor) {
  as_.descriptor = new Fd(std::move(descriptor));
}

Value Value::object(std::initializer_list<Entry> entries) {
  Object fields;
  for (const Entry& entry : entries) fields[entry.name] = std::move(entry.value);
  return Value(std::move(fields));
}

// Boxes to be freed wait on two lists, strung together by their own links. What is in a box moves
// onto the lists before the box goes, so that no destructor here ever calls itself.
void Value::destroy() noexcept {
  ArrayBox* arrays = nullptr;
  ObjectBox* objects = nullptr;
  const auto doom = [&](Value& value) {
    if (value.kind_ == Kind::array) {
      value.as_.array->next = std::exchange(arrays, value.as_.array);
      value.kind_ = Kind::null;
    } else if (value.kind_ == Kind::object) {
      value.as_.object->next = std::exchange(objects, value.as_.object);
      value.kind_ = Kind::null;
    }
  };
  switch (kind_) {
    case Kind::array:
    case Kind::object:
      doom(*this);
      break;
    case Kind::string:
      delete as_.string;
      break;
    case Kind::bytes:
      delete as_.bytes;
      break;
    case Kind::port:
      delete as_.port;
      break;
    case Kind::buffer:
      delete as_.buffer;
      break;
    case Kind::descriptor:
      delete as_.descriptor;
      break;
    default:
      break;
  }
  while (arrays || objects) {
    if (arrays) {
      ArrayBox* const box = std::exchange(arrays, arrays->next);
      for (Value& item : box->items) doom(item);
      delete box;
    } else {
      ObjectBox* const box = std::exchange(objects, objects->next);
      for (Field& field : box->fields) doom(field.value);
      delete box;
    }
  }
}

double Value::as_number() const {
  if (kind_ == Kind::integer) return static_cast<double>(as_.integer);
  return *require<double>();
}
Value::Object Value::as_object() && {
  return std::move(*require<Object>());
}
MessagePort Value::as_port() && {
  return std::move(*require<MessagePort>());
}

Value* Value::find(std::string_view name) {
  Object* const fields = get_if<Object>();
  return fields ? fields->find(name) : nullptr;
}
const Value* Value::find(std::string_view name) const {
  return const_cast<Value*>(this)->find(name);
}

Value& Value::at(std::string_view name) {
  Value* const found = require<Object>()->find(name);
  if (!found) throw MessageError(Error(fmt::format("no field \"{}\" in the object", name)));
  return *found;
}
const Value& Value::at(std::string_view name) const {
  return const_cast<Value*>(this)->at(name);
}

Value& Value::operator[](std::string_view name) {
  if (is_null()) *this = Value(Object());
  return (*require<Object>())[name];
}

Value& Value::operator[](std::size_t index) {
  Array& items = *require<Array>();
  if (index >= items.size()) {
    throw MessageError(
        Error(fmt::format("no element {} in an array of {} elements", index, items.size())));
  }
  return items[index];
}
const Value& Value::operator[](std::size_t index) const {
  return const_cast<Value&>(*this)[index];
}

std::size_t Value::size() const noexcept {
  switch (kind_) {
    case Kind::string:
      return as_.string->size();
    case Kind::bytes:
      return as_.bytes->size();
    case Kind::array:
      return as_.array->items.size();
    case Kind::object:
      return as_.object->fields.size();
    default:
      return 0;
  }
}

void Value::refuse_kind(Kind expected) const {
  throw MessageError(
      Error(fmt::format("expected {}, got {}", describe(expected), describe(kind_))));
}
void Value::refuse_integer(std::uint64_t value) {
  throw MessageError(
      Error(fmt::format("{} is beyond the range of a message's integers, which have 64 bits and a "
                        "sign: send it as text or as a double",
                        value)));
}

std::string_view describe(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::null:
      return "null";
    case Value::Kind::boolean:
      return "a boolean";
    case Value::Kind::integer:
      return "an integer";
    case Value::Kind::number:
      return "a number";
    case Value::Kind::string:
      return "a string";
    case Value::Kind::bytes:
      return "bytes";
    case Value::Kind::array:
      return "an array";
    case Value::Kind::object:
      return "an object";
    case Value::Kind::port:
      return "a port";
    case Value::Kind::buffer:
      return "a shared buffer";
    case Value::Kind::descriptor:
      return "a descriptor";
  }
  return "nothing";
}

}  // namespace brigade
