// Expected failures are values: an address in use, a peer gone, a full queue. Faults are
// exceptions.
#pragma once

#include <brigade/compiler.hpp>

#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace brigade {

/// What went wrong, to what, and what to do about it. `code` is an errno value, or 0 where no
/// system call failed. Thread: immutable after construction.
class Error {
 public:
  Error() = default;
  Error(int code, std::string message) : code_(code), message_(std::move(message)) {}
  explicit Error(std::string message) : message_(std::move(message)) {}

  /// "bind 0.0.0.0:80: Permission denied"
  static Error from_errno(int code, const std::string& what) {
    return Error(code, what + ": " + std::generic_category().message(code));
  }

  int code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  int code_ = 0;
  std::string message_;
};

/// Thrown by `Result::value()` when there is none, and by code that has no other way to report.
class ErrorException : public std::exception {
 public:
  explicit ErrorException(Error error) : error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.message().c_str(); }
  const Error& error() const { return error_; }

 private:
  Error error_;
};

/// A value or the Error that took its place.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// The value; throws ErrorException when there is none.
  T& value() & {
    if (!ok()) throw ErrorException(error());
    return std::get<0>(state_);
  }
  T&& value() && {
    if (!ok()) throw ErrorException(error());
    return std::get<0>(std::move(state_));
  }
  T& operator*() { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  void value() const {
    if (!ok_) throw ErrorException(error_);
  }
  const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace brigade
