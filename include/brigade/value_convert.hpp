// C++ types to and from messages, so that a program rarely sees a Value.
//
//   struct Job { int id; std::optional<std::string> name; std::vector<int> sizes; };
//   BOOST_DESCRIBE_STRUCT(Job, (), (id, name, sizes))
//
//   Result<Value> message = to_value(std::move(job));
//   Result<Job> job = value_to<Job>(std::move(*message));   // ".id: expected an integer, got a
//   string"
//
// | type                                             | as a message                              |
// |--------------------------------------------------|-------------------------------------------|
// | bool, integers, float, double                    | themselves; ranges are checked            |
// | std::string; string_view, char* (writing only)   | a string; it need not be UTF-8            |
// | Bytes, ranges of std::byte or unsigned char      | bytes                                     |
// | a described enum; another                        | its enumerator's name; its number         |
// | optional, unique_ptr, shared_ptr                 | null, or what is in it                    |
// | a described struct or class, with its bases      | an object                                 |
// | maps with string keys                            | an object                                 |
// | vector, array, set and other ranges, pair, tuple | an array                                  |
// | other maps                                       | an array of [key, value]                  |
// | variant                                          | [index, value]                            |
// | chrono durations and time points                 | nanoseconds (since the clock's own epoch) |
// | MessagePort, SharedBuffer, SharedArray, Fd       | themselves                                |
// | Value                                            | itself                                    |
//
// From an rvalue texts, bytes, ports and descriptors are moved, and keep their memory; from an
// lvalue everything is copied, and what cannot be copied does not compile. Pointers are followed:
// what two of them share arrives twice, and one that leads back to what it is part of is refused.
// A steady_clock time means something on this machine only, and until it restarts.
//
// Any thread; nothing is shared. Only memory exhaustion, and what the types' own functions throw.
#pragma once

#include <brigade/value_give_back.hpp>
#include <brigade/value_read.hpp>
#include <brigade/value_write.hpp>

namespace brigade {

/// The errors name the place: ".count: 18446744073709551615 is too large for a message", ".next:
/// leads back to …". After one, `from` is as it was.
template <class T>
Result<Value> to_value(T&& from) {
  Value value;
  Error error;
  if (!value_detail::write(value, std::forward<T>(from), value_detail::Place{}, error)) {
    if constexpr (value_detail::moved<T>) value_detail::give_back(value, from);
    return error;
  }
  return value;
}

namespace value_detail {
/// Gives what `message` becomes to `post(Value&&)`, which returns a Result<void> and moves from it
/// only when it succeeds; else `message` is as it was.
template <class T, class Post>
Result<void> post_converted(T&& message, Post&& post) {
  Result<Value> value = to_value(std::forward<T>(message));
  if (!value) return value.error();
  Result<void> posted = post(std::move(*value));
  if constexpr (moved<T>) {
    if (!posted) give_back(*value, message);
  }
  return posted;
}
}  // namespace value_detail

/// Errors name the place: ".user.name: missing", ".sizes[2]: expected an integer, got a string".
/// Unknown fields are ignored; only an optional or a pointer may be missing. A float takes an
/// integer, but an integer no float. Moves out of `value`, whose remains are of no use even after
/// an error.
template <class T>
Result<T> value_to(Value&& value) {
  static_assert(std::same_as<T, std::remove_cvref_t<T>>, "name the type itself");
  static_assert(std::default_initializable<T>,
                "what a message is read into must have a default constructor");
  T to{};
  Error error;
  if (!value_detail::read(value, to, value_detail::Place{}, error)) return error;
  return to;
}

/// The same for those who prefer exceptions: throw MessageError.
template <class T>
Value make_value(T&& from) {
  Result<Value> value = to_value(std::forward<T>(from));
  if (!value) throw MessageError(value.error());
  return std::move(*value);
}
template <class T>
T value_as(Value&& value) {
  Result<T> to = value_to<T>(std::move(value));
  if (!to) throw MessageError(to.error());
  return std::move(*to);
}

}  // namespace brigade
