// What a message between threads or processes is made of: the structured clone of Node, as a C++
// value.
//
//   Value job = Value::object({{"id", 7}, {"sizes", Value::array(200, 400)}});
//   job["image"] = std::move(bytes);
//   std::int64_t id = job.at("id").as_integer();
//
// Most users need none of this: ports and pools convert their own types (value_convert.hpp).
#pragma once

#include <brigade/compiler.hpp>
#include <brigade/fd.hpp>
#include <brigade/result.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace brigade {

class MessagePort;   // brigade/message_port.hpp
class SharedBuffer;  // brigade/shared_buffer.hpp

using Bytes = std::vector<std::byte>;

/// A message that is not what it should be; what() names the place and both kinds.
class MessageError : public ErrorException {
 public:
  using ErrorException::ErrorException;
};

/// What a message may be at most, wherever somebody else's words decide how large it gets.
struct ValueLimits {
  /// Arrays and objects inside each other; a scalar has depth 0.
  std::size_t max_depth = 64;
  /// By approximate_size().
  std::size_t max_bytes = std::size_t{64} << 20;
  /// Values of any kind, the arrays and objects among them.
  std::size_t max_items = 1'000'000;
};

namespace value_detail {
template <class T, class... Options>
concept one_of = (std::same_as<T, Options> || ...);
template <class T>
concept integer = std::integral<T> && !one_of<T, bool, char, wchar_t, char8_t, char16_t, char32_t>;
template <class T>
concept floating = one_of<T, float, double>;
}  // namespace value_detail

/// Null, a scalar, text, bytes, an array, an object, or something that travels: a port, a shared
/// buffer, a descriptor. Sixteen bytes, moved by copying them; never copied by accident: clone().
///
/// Owns what it holds; freeing it needs no stack however deep it is. A moved-from Value is null.
/// Not synchronised: one thread at a time. References and pointers into it last until it is
/// assigned, moved or destroyed, those into an array or object until that grows.
class Value {
 public:
  enum class Kind : std::uint8_t {
    null,
    boolean,
    integer,  // std::int64_t
    number,   // double
    string,
    bytes,
    array,
    object,
    port,
    buffer,
    descriptor,
  };
  using Array = std::vector<Value>;
  class Object;
  /// One entry of the list given to object(): mutable, so that the value can be moved out of it.
  struct Entry;

  Value() noexcept = default;
  Value(std::nullptr_t) noexcept {}
  // Templates, so that no pointer becomes a bool and no char a number.
  template <std::same_as<bool> T>
  Value(T value) noexcept : kind_(Kind::boolean) {
    as_.boolean = value;
  }
  /// Throws MessageError for an unsigned value beyond the range of std::int64_t.
  template <value_detail::integer T>
  Value(T value) noexcept(sizeof(T) < 8 || std::signed_integral<T>) : kind_(Kind::integer) {
    if constexpr (sizeof(T) >= 8 && std::unsigned_integral<T>) {
      if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) refuse_integer(value);
    }
    as_.integer = static_cast<std::int64_t>(value);
  }
  template <value_detail::floating T>
  Value(T value) noexcept : kind_(Kind::number) {
    as_.number = static_cast<double>(value);
  }
  /// A null pointer makes null.
  Value(const char* text);
  Value(std::string_view text);
  Value(const std::string& text);
  Value(std::string&& text);
  Value(Bytes&& bytes);
  Value(Array&& items);
  Value(Object&& fields);
  Value(MessagePort&& port);
  Value(const SharedBuffer& buffer);
  Value(Fd&& descriptor);

  Value(Value&& other) noexcept : kind_(std::exchange(other.kind_, Kind::null)), as_(other.as_) {}
  // By way of a third, so that `value = std::move(value.at("child"))` works.
  Value& operator=(Value&& other) noexcept {
    Value taken(std::move(other));
    std::swap(kind_, taken.kind_);
    std::swap(as_, taken.as_);
    return *this;
  }
  ~Value() {
    if (is_boxed()) destroy();
  }

  template <class... Items>
  static Value array(Items&&... items);
  /// Of equal names the last counts, in the place of the first.
  static Value object(std::initializer_list<Entry> entries = {});

  Kind kind() const noexcept { return kind_; }
  bool is_null() const noexcept { return kind_ == Kind::null; }
  bool is_bool() const noexcept { return kind_ == Kind::boolean; }
  bool is_integer() const noexcept { return kind_ == Kind::integer; }
  bool is_number() const noexcept { return kind_ == Kind::number; }
  bool is_string() const noexcept { return kind_ == Kind::string; }
  bool is_bytes() const noexcept { return kind_ == Kind::bytes; }
  bool is_array() const noexcept { return kind_ == Kind::array; }
  bool is_object() const noexcept { return kind_ == Kind::object; }
  bool is_port() const noexcept { return kind_ == Kind::port; }
  bool is_buffer() const noexcept { return kind_ == Kind::buffer; }
  bool is_descriptor() const noexcept { return kind_ == Kind::descriptor; }
  bool is_container() const noexcept { return is_array() || is_object(); }

  // Each throws MessageError, "expected a string, got an integer", when it is something else.
  bool as_bool() const { return *require<bool>(); }
  std::int64_t as_integer() const { return *require<std::int64_t>(); }
  /// An integer counts as a number, too (and is rounded when beyond 2^53).
  double as_number() const;
  std::string& as_string() & { return *require<std::string>(); }
  const std::string& as_string() const& { return *require<std::string>(); }
  std::string as_string() && { return std::move(*require<std::string>()); }
  Bytes& as_bytes() & { return *require<Bytes>(); }
  const Bytes& as_bytes() const& { return *require<Bytes>(); }
  Bytes as_bytes() && { return std::move(*require<Bytes>()); }
  Array& as_array() & { return *require<Array>(); }
  const Array& as_array() const& { return *require<Array>(); }
  Array as_array() && { return std::move(*require<Array>()); }
  Object& as_object() & { return *require<Object>(); }
  const Object& as_object() const& { return *require<Object>(); }
  Object as_object() &&;
  MessagePort& as_port() & { return *require<MessagePort>(); }
  const MessagePort& as_port() const& { return *require<MessagePort>(); }
  MessagePort as_port() &&;
  const SharedBuffer& as_buffer() const { return *require<SharedBuffer>(); }
  Fd& as_descriptor() & { return *require<Fd>(); }
  const Fd& as_descriptor() const& { return *require<Fd>(); }
  Fd as_descriptor() && { return std::move(*require<Fd>()); }

  /// What it holds, or null when that is of another type. T: bool, std::int64_t, double,
  /// std::string, Bytes, Array, Object, MessagePort, SharedBuffer or Fd.
  template <class T>
  T* get_if() noexcept;
  template <class T>
  const T* get_if() const noexcept {
    return const_cast<Value*>(this)->get_if<T>();
  }

  /// The field of that name, or null, also when this is no object.
  Value* find(std::string_view name);
  const Value* find(std::string_view name) const;
  /// Throws MessageError when there is none.
  Value& at(std::string_view name);
  const Value& at(std::string_view name) const;
  /// Adds the field, null, when there is none; makes an object of a null. Throws MessageError for
  /// other kinds.
  Value& operator[](std::string_view name);
  /// Of an array; throws MessageError beyond its end.
  Value& operator[](std::size_t index);
  const Value& operator[](std::size_t index) const;
  /// Elements, fields, or bytes of text; 0 for anything else.
  std::size_t size() const noexcept;

  /// A deep copy. Shared buffers are shared. An error, naming the place, for ports and descriptors
  /// (".jobs[3].port: a port cannot be copied, move the message") and beyond the limits.
  Result<Value> clone(const ValueLimits& limits = {}) const;

  /// For logs: like JSON, cut at about `max_length` bytes. Of bytes only the count is told.
  std::string to_string(std::size_t max_length = 1000) const;

  /// The same kind and contents; fields in any order. 1 is not 1.0, and NaN, as ever, not itself.
  /// Buffers are equal when they are the same memory; ports and descriptors only to themselves.
  friend bool operator==(const Value& left, const Value& right) {
    return left.kind_ == right.kind_ && equal(left, right);
  }

 private:
  struct ArrayBox;
  struct ObjectBox;
  union Content {
    bool boolean;
    std::int64_t integer = 0;
    double number;
    std::string* string;
    Bytes* bytes;
    ArrayBox* array;
    ObjectBox* object;
    MessagePort* port;
    SharedBuffer* buffer;
    Fd* descriptor;
  };

  bool is_boxed() const noexcept { return kind_ >= Kind::string; }
  void destroy() noexcept;
  static bool equal(const Value& left, const Value& right);
  static bool equal_leaves(const Value& left, const Value& right);
  template <class T>
  static constexpr Kind kind_of();
  template <class T>
  T* require() {
    T* found = get_if<T>();
    if (!found) refuse_kind(kind_of<T>());
    return found;
  }
  template <class T>
  const T* require() const {
    return const_cast<Value*>(this)->require<T>();
  }
  [[noreturn]] void refuse_kind(Kind expected) const;
  [[noreturn]] static void refuse_integer(std::uint64_t value);

  Kind kind_ = Kind::null;
  Content as_;
};
static_assert(sizeof(Value) == 16);

/// "an integer", "null", "a port": for messages.
std::string_view describe(Value::Kind kind);

/// One named value of an object.
class Field {
 public:
  Field(std::string name, Value held) : value(std::move(held)), name_(std::move(name)) {}
  const std::string& name() const { return name_; }

  Value value;

 private:
  std::string name_;  // not to be changed behind the index
};

/// Fields with unique names in the order in which they came. Finding one takes constant time, also
/// among 100,000; erasing one takes time in proportion to their number.
class Value::Object {
 public:
  Object() = default;
  Object(Object&&) noexcept = default;
  Object& operator=(Object&&) noexcept = default;

  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  Value* find(std::string_view name);
  const Value* find(std::string_view name) const;
  /// Adds a null when there is none.
  Value& operator[](std::string_view name);
  /// False, and nothing changed, when the name is there already.
  bool insert(std::string name, Value&& value);
  bool erase(std::string_view name);
  void clear();

  auto begin() { return fields_.begin(); }
  auto end() { return fields_.end(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  Field& field(std::size_t position) { return fields_[position]; }
  const Field& field(std::size_t position) const { return fields_[position]; }

  friend bool operator==(const Object& left, const Object& right);

 private:
  // Of an open-addressing table: part of the name's hash, and the field's position plus one.
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t place = 0;
  };

  std::size_t position(std::string_view name) const;  // size() when there is none
  Field& append(std::string name, Value&& value);
  void index(std::size_t position);
  void rebuild(std::size_t slots);

  std::vector<Field> fields_;
  std::vector<Slot> slots_;  // empty below 16 fields: comparing them all is faster
};

struct Value::Entry {
  std::string_view name;
  mutable Value value;
};

/// Whether a value keeps to the limits: ".jobs[3]: nested deeper than 64 levels". Any depth, no
/// recursion.
Result<void> check(const Value& value, const ValueLimits& limits = {});

/// What a message costs: sizeof(Value) for each value in it, and the bytes of its texts, names and
/// byte strings. Shared memory costs nothing, as it is not copied.
std::size_t approximate_size(const Value& value);

namespace value_detail {
struct TransferVisitor {
  void* context;
  void (*port)(void* context, MessagePort& port);
  void (*descriptor)(void* context, Fd& descriptor);
};
void visit_transferables(Value& value, const TransferVisitor& visitor);
}  // namespace value_detail

/// Calls visit(MessagePort&) and visit(Fd&) for each that travels in the message, in order. The
/// visitor may change or empty them, but not the message around them.
template <class Visit>
void for_each_transferable(Value& value, Visit visit) {
  if (value.kind() < Value::Kind::array) return;
  value_detail::visit_transferables(
      value,
      {.context = &visit,
       .port = [](void* context, MessagePort& port) { (*static_cast<Visit*>(context))(port); },
       .descriptor = [](void* context,
                        Fd& descriptor) { (*static_cast<Visit*>(context))(descriptor); }});
}

// ---- Inline parts ----

// The contents come first, so that a box's address is that of what it holds. The link strings boxes
// together while they are destroyed, which therefore needs neither stack nor memory.
struct Value::ArrayBox {
  Array items;
  ArrayBox* next = nullptr;
};
struct Value::ObjectBox {
  Object fields;
  ObjectBox* next = nullptr;
};

template <class... Items>
Value Value::array(Items&&... items) {
  Array list;
  list.reserve(sizeof...(Items));
  (list.emplace_back(std::forward<Items>(items)), ...);
  return Value(std::move(list));
}

template <class T>
constexpr Value::Kind Value::kind_of() {
  if constexpr (std::same_as<T, bool>) return Kind::boolean;
  if constexpr (std::same_as<T, std::int64_t>) return Kind::integer;
  if constexpr (std::same_as<T, double>) return Kind::number;
  if constexpr (std::same_as<T, std::string>) return Kind::string;
  if constexpr (std::same_as<T, Bytes>) return Kind::bytes;
  if constexpr (std::same_as<T, Array>) return Kind::array;
  if constexpr (std::same_as<T, Object>) return Kind::object;
  if constexpr (std::same_as<T, MessagePort>) return Kind::port;
  if constexpr (std::same_as<T, SharedBuffer>) return Kind::buffer;
  if constexpr (std::same_as<T, Fd>) return Kind::descriptor;
}

template <class T>
T* Value::get_if() noexcept {
  static_assert(value_detail::one_of<T, bool, std::int64_t, double, std::string, Bytes, Array,
                                     Object, MessagePort, SharedBuffer, Fd>,
                "a Value holds no such type");
  if (kind_ != kind_of<T>()) return nullptr;
  if constexpr (std::same_as<T, bool>) return &as_.boolean;
  if constexpr (std::same_as<T, std::int64_t>) return &as_.integer;
  if constexpr (std::same_as<T, double>) return &as_.number;
  if constexpr (std::same_as<T, std::string>) return as_.string;
  if constexpr (std::same_as<T, Bytes>) return as_.bytes;
  if constexpr (std::same_as<T, Array>) return &as_.array->items;
  if constexpr (std::same_as<T, Object>) return &as_.object->fields;
  if constexpr (std::same_as<T, MessagePort>) return as_.port;
  if constexpr (std::same_as<T, SharedBuffer>) return as_.buffer;
  if constexpr (std::same_as<T, Fd>) return as_.descriptor;
}

}  // namespace brigade
