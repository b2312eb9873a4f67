// A database that a handler can await. Statements run on a few threads of the database's own, never
// on the loop:
//
//     auto db = Database::open("sqlite:users.db").value();
//     auto users = co_await db.query("SELECT id, name FROM users WHERE id = ?", id);
//     for (sql::Row user : users) log::info("{}", user.get<std::string>("name"));
//
//     auto added = co_await db.execute("INSERT INTO users (name) VALUES (?)", name);
//     auto people = co_await db.query_as<User>("SELECT * FROM users");  // a described struct
//
//     // A plain function, on the database's thread:
//     auto left = co_await db.transaction([from, to, sum](sql::Connection& c) {
//       c.execute("UPDATE accounts SET sum = sum - ? WHERE id = ?", sum, from);
//       c.execute("UPDATE accounts SET sum = sum + ? WHERE id = ?", sum, to);
//       return c.query_as<std::int64_t>("SELECT sum FROM accounts WHERE id = ?", from).at(0);
//     });
//
// Arguments are bound, never spliced into the text, and taken by value: the task owns them.
// A co_await throws DatabaseError when the statement fails, Overloaded when too many wait (a
// handler that lets it pass answers 503), and Cancelled. A statement that is still queued when its
// task is cancelled never runs; one that has begun is waited for, and what it wrote stays written.
#pragma once

#include <brigade/result.hpp>
#include <brigade/task.hpp>

#include <boost/describe/members.hpp>
#include <boost/json/fwd.hpp>
#include <boost/mp11/algorithm.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace brigade {

struct DatabaseOptions {
  // Behaviour.
  /// Statements that may wait while all threads are busy. One more is refused with Overloaded.
  std::size_t max_queue = 1024;
  /// How long a statement waits for other writers, first those of this process, then those of
  /// others. After that it fails with DatabaseError::Kind::busy.
  std::chrono::milliseconds busy_timeout{5000};

  // Performance.
  /// Threads, each with a connection of its own: as many statements run at once. SQLite writes one
  /// at a time whatever the number, and a writer keeps its thread while it waits for its turn, so
  /// more threads serve readers. 0 counts as 1.
  unsigned threads = 2;
};

/// A statement that failed. Thread: immutable after construction.
class DatabaseError : public std::exception {
 public:
  enum class Kind {
    unique_violation,  // or a second row with the same primary key
    foreign_key,
    not_null,
    check,
    busy,  // other writers took longer than busy_timeout
    read_only,
    disk_full,
    syntax,  // the text does not compile: also no such table or column
    io,      // reading or writing the file failed, or the file is damaged
    other,
  };

  /// `sql` is quoted in what(), cut to 200 bytes. It holds no arguments, so it may be logged.
  DatabaseError(Kind kind, int code, std::string_view message, std::string_view sql = {});

  Kind kind() const { return kind_; }
  /// SQLite's extended result code; 0 where the refusal is Brigade's own.
  int code() const { return code_; }
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  Kind kind_;
  int code_;
  std::string what_;
};

const char* to_string(DatabaseError::Kind kind);

namespace sql {

class Value;
using Blob = std::vector<std::byte>;

namespace detail {

template <class T>
concept integer =
    std::integral<T> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;
template <class T>
concept described = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;
template <class T>
inline constexpr bool unsupported = false;

template <class T>
using members = boost::describe::describe_members<T, boost::describe::mod_any_access |
                                                         boost::describe::mod_inherited>;

std::int64_t checked(std::uint64_t value);
// `column` is empty where none is known.
template <class T>
T read_or_throw(std::string_view column, const Value& from);

}  // namespace detail

/// A cell, or an argument: NULL, an integer, a real, text or a blob. Converts from the C++ types
/// one would expect; an empty optional and a null const char* are NULL, a bool is 0 or 1.
class Value {
 public:
  enum class Type { null, integer, real, text, blob };
  using Storage = std::variant<std::monostate, std::int64_t, double, std::string, Blob>;

  Value() = default;
  Value(std::nullptr_t) {}
  Value(std::nullopt_t) {}
  /// Throws std::out_of_range above 2^63 - 1: no column can hold that.
  template <detail::integer T>
  Value(T value) : storage_(static_cast<std::int64_t>(value)) {
    if constexpr (std::unsigned_integral<T> && sizeof(T) == 8) storage_ = detail::checked(value);
  }
  template <std::floating_point T>
  Value(T value) : storage_(static_cast<double>(value)) {}
  Value(const char* text) {
    if (text) storage_.emplace<std::string>(text);
  }
  Value(std::string_view text) : storage_(std::string(text)) {}
  Value(std::string text) : storage_(std::move(text)) {}
  Value(Blob bytes) : storage_(std::move(bytes)) {}
  template <class T>
  Value(std::optional<T> value) {
    if (value) *this = Value(std::move(*value));
  }

  Type type() const { return static_cast<Type>(storage_.index()); }
  bool is_null() const { return type() == Type::null; }
  /// T: an integer or bool (range-checked), float, double, std::string, Blob, Value, or a
  /// std::optional of these for what may be NULL. Nothing is converted between numbers and text.
  /// Throws ReadError.
  template <class T>
  T get() const {
    return detail::read_or_throw<T>({}, *this);
  }
  const Storage& storage() const { return storage_; }

  /// NULL equals NULL here, unlike in SQL; 1 and 1.0 differ.
  friend bool operator==(const Value&, const Value&) = default;

 private:
  Storage storage_;
};

/// A result was read as what it is not: another type, a column or a row that is not there.
class ReadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Rows;

/// A view of one row. It refers to its Rows, which must stay where it is.
class Row {
 public:
  Row() = default;
  Row(const Rows& rows, std::size_t index) : rows_(&rows), index_(index) {}

  std::size_t size() const;
  // All of these throw ReadError. Of columns with the same name the first counts.
  const Value& operator[](std::size_t column) const;
  const Value& operator[](std::string_view column) const;
  /// See Value::get.
  template <class T>
  T get(std::size_t column) const {
    return detail::read_or_throw<T>(name_of(column), (*this)[column]);
  }
  template <class T>
  T get(std::string_view column) const {
    return detail::read_or_throw<T>(column, (*this)[column]);
  }

 private:
  std::string_view name_of(std::size_t column) const;

  const Rows* rows_ = nullptr;
  std::size_t index_ = 0;
};

/// What a query found. Owns everything; movable to any thread.
class Rows {
 public:
  class Iterator;

  Rows() = default;
  /// `values`: the rows one after another, columns.size() values each.
  Rows(std::vector<std::string> columns, std::vector<Value> values);

  const std::vector<std::string>& columns() const { return columns_; }
  std::size_t size() const { return columns_.empty() ? 0 : values_.size() / columns_.size(); }
  bool empty() const { return values_.empty(); }
  /// Throws ReadError when there is no such row.
  Row operator[](std::size_t index) const&;
  Row operator[](std::size_t index) const&& = delete;  // the Row would outlive its Rows
  Iterator begin() const;
  Iterator end() const;

  /// Each row as a T. A struct described with BOOST_DESCRIBE_STRUCT: each member, also an inherited
  /// one, is read from the column of its name; other columns are left alone; what may be NULL is a
  /// std::optional. Any other T: the only column, as by Value::get. Throws ReadError.
  template <class T>
  std::vector<T> as() const;

 private:
  friend class Row;
  std::size_t column_index(std::string_view name) const;
  const Value& at(std::size_t row, std::size_t column) const;

  std::vector<std::string> columns_;
  std::vector<Value> values_;
};

class Rows::Iterator {
 public:
  using value_type = Row;
  using difference_type = std::ptrdiff_t;

  Iterator() = default;
  Iterator(const Rows& rows, std::size_t index) : rows_(&rows), index_(index) {}
  Row operator*() const { return Row(*rows_, index_); }
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  Iterator operator++(int) { return Iterator(*rows_, index_++); }
  friend bool operator==(const Iterator&, const Iterator&) = default;

 private:
  const Rows* rows_ = nullptr;
  std::size_t index_ = 0;
};

/// An array of objects, one per row; blobs as base64 (RFC 4648 section 4). Include
/// <boost/json/value.hpp> to use it.
boost::json::value to_json(const Rows& rows);

// ---- How values are read ----

namespace detail {

[[noreturn]] void fail_type(std::string_view column, const std::string& expected, const Value& got);
[[noreturn]] void fail_single(std::size_t columns);
std::string integer_range(std::int64_t low, std::uint64_t high);

template <class T>
std::string expected_type() {
  if constexpr (is_optional<T>) {
    return expected_type<typename T::value_type>() + " or NULL";
  } else if constexpr (std::same_as<T, bool>) {
    return "a boolean (0 or 1)";
  } else if constexpr (integer<T>) {
    return integer_range(std::int64_t{std::numeric_limits<T>::min()},
                         std::uint64_t{std::numeric_limits<T>::max()});
  } else if constexpr (std::floating_point<T>) {
    return "a number";
  } else if constexpr (std::same_as<T, std::string>) {
    return "text";
  } else {
    return "a blob";
  }
}

template <class T>
bool read(const Value& from, T& to) {
  const Value::Storage& storage = from.storage();
  if constexpr (is_optional<T>) {
    if (!from.is_null()) return read(from, to.emplace());
    to.reset();
    return true;
  } else if constexpr (std::same_as<T, Value>) {
    to = from;
    return true;
  } else if constexpr (integer<T>) {
    const auto* number = std::get_if<std::int64_t>(&storage);
    if (!number) return false;
    to = static_cast<T>(*number);
    return *number == static_cast<std::int64_t>(to) && (*number >= 0 || std::signed_integral<T>);
  } else if constexpr (std::floating_point<T>) {
    // A NUMERIC column stores 2.0 as the integer 2.
    const auto* number = std::get_if<std::int64_t>(&storage);
    const auto* real = std::get_if<double>(&storage);
    if (number || real) to = number ? static_cast<T>(*number) : static_cast<T>(*real);
    return number || real;
  } else if constexpr (std::same_as<T, std::string> || std::same_as<T, Blob>) {
    const auto* held = std::get_if<T>(&storage);
    if (held) to = *held;
    return held != nullptr;
  } else {
    // A string_view, too: what it would view goes with the Rows.
    static_assert(unsupported<T>,
                  "no such column type: use integers, bool, double, std::string, sql::Blob, "
                  "or a std::optional of these");
  }
}

template <class T>
T read_or_throw(std::string_view column, const Value& from) {
  T to{};
  if (!read(from, to)) fail_type(column, expected_type<T>(), from);
  return to;
}

inline std::vector<Value> pack(std::vector<Value> values) {
  return values;
}
template <class... Args>
std::vector<Value> pack(Args... args) {
  static_assert((std::constructible_from<Value, Args> && ...),
                "an argument is none of: integer, bool, real, text, sql::Blob, std::optional");
  std::vector<Value> values;
  values.reserve(sizeof...(args));
  (values.emplace_back(std::move(args)), ...);
  return values;
}

}  // namespace detail

template <class T>
std::vector<T> Rows::as() const {
  std::vector<std::size_t> column_of;  // each member's
  if constexpr (detail::described<T>) {
    boost::mp11::mp_for_each<detail::members<T>>(
        [&](auto member) { column_of.push_back(column_index(member.name)); });
  } else if (columns_.size() != 1) {
    detail::fail_single(columns_.size());
  }
  std::vector<T> out;
  out.reserve(size());
  for (std::size_t row = 0; row < size(); ++row) {
    if constexpr (detail::described<T>) {
      T to{};
      auto column = column_of.begin();
      boost::mp11::mp_for_each<detail::members<T>>([&](auto member) {
        using Member = std::remove_reference_t<decltype(to.*member.pointer)>;
        to.*member.pointer = detail::read_or_throw<Member>(member.name, at(row, *column++));
      });
      out.push_back(std::move(to));
    } else {
      out.push_back(detail::read_or_throw<T>(columns_[0], at(row, 0)));
    }
  }
  return out;
}

// ---- Statements ----

struct Executed {
  /// Rows inserted, updated or deleted by the statement itself, not by its triggers.
  std::int64_t changes = 0;
  /// The rowid of the last row that an INSERT added; 0 when the statement changed nothing, and
  /// without a meaning after others.
  std::int64_t last_insert_id = 0;
};

/// What the body of a transaction works with, on the database's thread and until the body ends.
class Connection {
 public:
  template <class... Args>
  Rows query(std::string_view text, Args... args) {
    return do_query(text, detail::pack(std::move(args)...));
  }
  template <class T, class... Args>
  std::vector<T> query_as(std::string_view text, Args... args) {
    return do_query(text, detail::pack(std::move(args)...)).template as<T>();
  }
  template <class... Args>
  Executed execute(std::string_view text, Args... args) {
    return do_execute(text, detail::pack(std::move(args)...));
  }

 protected:
  ~Connection() = default;
  virtual Rows do_query(std::string_view text, const std::vector<Value>& args) = 0;
  virtual Executed do_execute(std::string_view text, const std::vector<Value>& args) = 0;
};

/// What a kind of database provides. Its tasks keep it alive; any loop may run them.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Task<Rows> query(std::string text, std::vector<Value> args) = 0;
  virtual Task<Executed> execute(std::string text, std::vector<Value> args) = 0;
  /// Calls `body` once at most. What it refers to outlives the task.
  virtual Task<> transaction(std::function<void(Connection&)> body) = 0;
  virtual Result<void> run_script(const std::string& text) = 0;
};

namespace detail {

template <class T>
Task<std::vector<T>> rows_as(Task<Rows> task) {
  Rows rows = co_await std::move(task);
  co_return rows.as<T>();
}

template <class Body, class T>
Task<T> run_transaction(std::shared_ptr<Backend> backend, Body body) {
  // std::ref: std::function would ask for a copyable body.
  if constexpr (std::is_void_v<T>) {
    co_await backend->transaction(std::ref(body));
  } else {
    std::optional<T> result;
    auto keep_result = [&](Connection& connection) { result.emplace(body(connection)); };
    co_await backend->transaction(std::ref(keep_result));
    co_return std::move(*result);
  }
}

}  // namespace detail
}  // namespace sql

/// A handle: copies are cheap and share the threads and connections, which end with the last copy
/// and the last task. Any thread; tasks come back on the loop that awaits them.
class Database {
 public:
  /// Opens "sqlite:PATH" (made when missing; "?mode=rw" expects it, "?mode=ro" only reads) or
  /// "sqlite::memory:" (one connection, gone with the handle). Files get a WAL journal and foreign
  /// keys are enforced. Blocks while it opens the first connection: meant for start-up.
  static Result<Database> open(const std::string& url, DatabaseOptions options = {});
  explicit Database(std::shared_ptr<sql::Backend> backend) : backend_(std::move(backend)) {}

  /// One statement; all its rows are held in memory, so give it a LIMIT. What a statement does to
  /// its connection (PRAGMA, ATTACH, a temporary table) is seen by some of the later ones only.
  template <class... Args>
  Task<sql::Rows> query(std::string text, Args... args) const {
    return backend_->query(std::move(text), sql::detail::pack(std::move(args)...));
  }
  /// Each row as a T, as Rows::as does.
  template <class T, class... Args>
  Task<std::vector<T>> query_as(std::string text, Args... args) const {
    return sql::detail::rows_as<T>(query(std::move(text), std::move(args)...));
  }
  /// One statement whose rows, if any, are not wanted.
  template <class... Args>
  Task<sql::Executed> execute(std::string text, Args... args) const {
    return backend_->execute(std::move(text), sql::detail::pack(std::move(args)...));
  }

  /// Runs `body(sql::Connection&)`, a plain function, on a database thread in one transaction that
  /// holds the write lock from its start (BEGIN IMMEDIATE): no statement of it meets another
  /// writer. Committed when the body returns, rolled back when it throws; its result, or its
  /// exception, comes back to the loop. Not for slow work: all other writers wait.
  template <class Body>
  auto transaction(Body body) const {
    using T = std::invoke_result_t<Body&, sql::Connection&>;
    static_assert(!sql::detail::is_task<T>,
                  "the body of a transaction runs on the database's thread and cannot co_await");
    static_assert(!std::is_reference_v<T>, "the body of a transaction returns a value");
    return sql::detail::run_transaction<Body, T>(backend_, std::move(body));
  }

  /// Several statements as one transaction: a schema, at start-up. Blocks the caller: never from a
  /// handler, nor from a transaction's body. Several processes may run the same script at once:
  /// with CREATE … IF NOT EXISTS the first creates and the others find it done. Statements that
  /// SQLite refuses inside a transaction (BEGIN, VACUUM) are refused here.
  Result<void> run_script(const std::string& text) const { return backend_->run_script(text); }

 private:
  std::shared_ptr<sql::Backend> backend_;
};

}  // namespace brigade
