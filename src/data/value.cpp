#include <fmt/format.h>
#include <brigade/database.hpp>

namespace brigade::sql {
namespace {

// Never the text itself: it may be what a log must not hold.
std::string describe(const Value& value) {
  switch (value.type()) {
    case Value::Type::null:
      return "NULL";
    case Value::Type::integer:
      return fmt::format("{}", std::get<std::int64_t>(value.storage()));
    case Value::Type::real:
      return fmt::format("{}", std::get<double>(value.storage()));
    case Value::Type::text:
      return "text";
    case Value::Type::blob:
      return "a blob";
  }
  return {};
}

std::string quoted(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    fmt::format_to(std::back_inserter(out), "{}\"{}\"", out.empty() ? "" : ", ", name);
  }
  return out;
}

}  // namespace

namespace detail {

std::int64_t checked(std::uint64_t value) {
  if (std::in_range<std::int64_t>(value)) return static_cast<std::int64_t>(value);
  throw std::out_of_range(
      fmt::format("cannot bind {}: a column holds integers up to 2^63 - 1", value));
}

void fail_type(std::string_view column, const std::string& expected, const Value& got) {
  if (column.empty()) throw ReadError(fmt::format("expected {}, got {}", expected, describe(got)));
  throw ReadError(
      fmt::format("column \"{}\": expected {}, got {}", column, expected, describe(got)));
}

void fail_single(std::size_t columns) {
  throw ReadError(fmt::format("expected rows of one column, got {} columns", columns));
}

std::string integer_range(std::int64_t low, std::uint64_t high) {
  if (low == std::numeric_limits<std::int64_t>::min()) return "an integer";
  return fmt::format("an integer from {} to {}", low, high);
}

}  // namespace detail

Rows::Rows(std::vector<std::string> columns, std::vector<Value> values)
    : columns_(std::move(columns)), values_(std::move(values)) {}

Row Rows::operator[](std::size_t index) const& {
  if (index >= size()) {
    throw ReadError(fmt::format("no row {}: the query found {} row(s)", index, size()));
  }
  return Row(*this, index);
}

Rows::Iterator Rows::begin() const {
  return Iterator(*this, 0);
}

Rows::Iterator Rows::end() const {
  return Iterator(*this, size());
}

std::size_t Rows::column_index(std::string_view name) const {
  for (std::size_t index = 0; index < columns_.size(); ++index) {
    if (columns_[index] == name) return index;
  }
  throw ReadError(fmt::format("no column \"{}\": the query has {}", name,
                              columns_.empty() ? "none" : quoted(columns_)));
}

const Value& Rows::at(std::size_t row, std::size_t column) const {
  return values_[row * columns_.size() + column];
}

std::size_t Row::size() const {
  return rows_->columns_.size();
}

std::string_view Row::name_of(std::size_t column) const {
  if (column < size()) return rows_->columns_[column];
  throw ReadError(fmt::format("no column {}: the query has {}", column, size()));
}

const Value& Row::operator[](std::size_t column) const {
  name_of(column);  // throws where there is none
  return rows_->at(index_, column);
}

const Value& Row::operator[](std::string_view column) const {
  return rows_->at(index_, rows_->column_index(column));
}

}  // namespace brigade::sql
