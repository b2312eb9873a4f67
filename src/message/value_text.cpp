#include <brigade/shared_buffer.hpp>
#include <brigade/value.hpp>

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <iterator>

#include "message/value_path.hpp"

namespace brigade {
namespace {

constexpr std::string_view ellipsis = "\xe2\x80\xa6";
constexpr std::size_t deepest = 64;  // however long the text may be, this is where it ends

// Writes until the text is full, and then one ellipsis and nothing more.
class Text {
 public:
  explicit Text(std::size_t max_length) : max_length_(max_length) {}

  void write(const Value& value, std::size_t depth) {
    switch (value.kind()) {
      case Value::Kind::null:
        out_ += "null";
        break;
      case Value::Kind::boolean:
        out_ += value.as_bool() ? "true" : "false";
        break;
      case Value::Kind::integer:
        append(value.as_integer());
        break;
      case Value::Kind::number:
        append_number(value.as_number());
        break;
      case Value::Kind::string:
        value_detail::append_quoted(out_, value.as_string(), room());
        break;
      case Value::Kind::array:
        write_list('[', ']', value.as_array(), depth,
                   [&](const Value& item) { write(item, depth + 1); });
        break;
      case Value::Kind::object:
        write_list('{', '}', value.as_object(), depth, [&](const Field& field) {
          value_detail::append_quoted(out_, field.name(), room());
          out_ += ':';
          write(field.value, depth + 1);
        });
        break;
      case Value::Kind::bytes:
        fmt::format_to(std::back_inserter(out_), "<{} bytes>", value.size());
        break;
      case Value::Kind::port:
        out_ += "<port>";
        break;
      case Value::Kind::buffer:
        fmt::format_to(std::back_inserter(out_), "<{} shared bytes>", value.as_buffer().size());
        break;
      case Value::Kind::descriptor:
        fmt::format_to(std::back_inserter(out_), "<descriptor {}>", value.as_descriptor().get());
        break;
    }
  }

  std::string take() { return std::move(out_); }

 private:
  std::size_t room() const { return out_.size() < max_length_ ? max_length_ - out_.size() : 0; }

  template <class Number>
  void append(Number number) {
    std::array<char, 32> digits;
    out_.append(digits.data(),
                std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
  }
  void append_number(double number) {
    const std::size_t start = out_.size();
    append(number);
    // 3.0, so that a log tells a number from an integer.
    if (out_.find_first_not_of("-0123456789", start) == std::string::npos) out_ += ".0";
  }

  template <class List, class WriteItem>
  void write_list(char open, char close, const List& list, std::size_t depth,
                  WriteItem write_item) {
    out_ += open;
    bool first = true;
    for (const auto& item : list) {
      if (!first) out_ += ',';
      if (room() == 0 || depth >= deepest) {
        out_ += ellipsis;
        full_ = true;
        return;
      }
      first = false;
      write_item(item);
      if (full_) return;
    }
    out_ += close;
  }

  std::size_t max_length_;
  bool full_ = false;
  std::string out_;
};

}  // namespace

std::string Value::to_string(std::size_t max_length) const {
  Text text(max_length);
  text.write(*this, 0);
  return text.take();
}

}  // namespace brigade
