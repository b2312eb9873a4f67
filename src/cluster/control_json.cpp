#include "cluster/control_json.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <iterator>

#include "base/utf8.hpp"

namespace brigade::cluster::detail {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Value> document() {
    Value out;
    if (!value(out, 0)) return error();
    skip_space();
    if (at_ != text_.size()) {
      fail("something follows the document");
      return error();
    }
    return out;
  }

 private:
  Error error() const { return Error(fmt::format("byte {}: {}", at_, problem_)); }
  bool fail(const char* problem) {
    problem_ = problem;
    return false;
  }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char wanted) {
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  bool literal(std::string_view word, Value made, Value& out) {
    if (text_.substr(at_, word.size()) != word) return fail("no value begins here");
    at_ += word.size();
    out = std::move(made);
    return true;
  }

  bool value(Value& out, std::size_t depth) {
    skip_space();
    switch (peek()) {
      case '{':
        return object(out, depth + 1);
      case '[':
        return array(out, depth + 1);
      case '"': {
        std::string text;
        if (!string(text)) return false;
        out = Value(std::move(text));
        return true;
      }
      case 't':
        return literal("true", true, out);
      case 'f':
        return literal("false", false, out);
      case 'n':
        return literal("null", nullptr, out);
      default:
        return number(out);
    }
  }

  bool object(Value& out, std::size_t depth) {
    if (depth > max_json_depth) return fail("nested too deep");
    ++at_;
    Value::Object fields;
    skip_space();
    if (!take('}')) {
      do {
        skip_space();
        std::string name;
        Value field;
        if (peek() != '"') return fail("a name in quotes is missing");
        if (!string(name)) return false;
        skip_space();
        if (!take(':')) return fail("a colon is missing");
        if (!value(field, depth)) return false;
        if (!fields.insert(std::move(name), std::move(field))) return fail("a name comes twice");
        skip_space();
      } while (take(','));
      if (!take('}')) return fail("a comma or } is missing");
    }
    out = Value(std::move(fields));
    return true;
  }

  bool array(Value& out, std::size_t depth) {
    if (depth > max_json_depth) return fail("nested too deep");
    ++at_;
    Value::Array items;
    skip_space();
    if (!take(']')) {
      do {
        if (!value(items.emplace_back(), depth)) return false;
        skip_space();
      } while (take(','));
      if (!take(']')) return fail("a comma or ] is missing");
    }
    out = Value(std::move(items));
    return true;
  }

  bool string(std::string& out) {
    ++at_;
    while (at_ < text_.size()) {
      const auto byte = static_cast<unsigned char>(text_[at_]);
      if (byte == '"') {
        ++at_;
        return true;
      }
      if (byte < 0x20) return fail("a control character in a string");
      if (byte == '\\') {
        if (!escape(out)) return false;
        continue;
      }
      const std::size_t length = brigade::detail::utf8_length(text_, at_);
      if (length == 0) return fail("ill-formed UTF-8");
      out.append(text_.substr(at_, length));
      at_ += length;
    }
    return fail("a string does not end");
  }

  bool escape(std::string& out) {
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
    ++at_;
    if (take('u')) return unicode(out);
    const std::size_t which = at_ < text_.size() ? letters.find(text_[at_]) : letters.npos;
    if (which == letters.npos) return fail("an unknown escape");
    out += meant[which];
    ++at_;
    return true;
  }

  bool unicode(std::string& out) {
    std::uint32_t code = 0;
    if (!hex(code)) return false;
    if (code >= 0xdc00 && code <= 0xdfff) return fail("a lone surrogate");
    if (code >= 0xd800 && code <= 0xdbff) {
      std::uint32_t low = 0;
      if (!take('\\') || !take('u')) return fail("a lone surrogate");
      if (!hex(low)) return false;
      if (low < 0xdc00 || low > 0xdfff) return fail("a lone surrogate");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, code);
    return true;
  }

  bool hex(std::uint32_t& code) {
    const std::string_view digits = text_.substr(at_, 4);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), code, 16);
    if (digits.size() != 4 || error != std::errc() || end != digits.end()) {
      return fail("four hexadecimal digits are missing");
    }
    at_ += 4;
    return true;
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    const auto more = [&](unsigned shift) {
      out += static_cast<char>(0x80 | ((code >> shift) & 0x3f));
    };
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xc0 | (code >> 6));
      more(0);
    } else if (code < 0x10000) {
      out += static_cast<char>(0xe0 | (code >> 12));
      more(6);
      more(0);
    } else {
      out += static_cast<char>(0xf0 | (code >> 18));
      more(12);
      more(6);
      more(0);
    }
  }

  std::size_t digits() {
    const std::size_t began = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ - began;
  }

  // RFC 8259 section 6: from_chars takes more than that.
  bool number(Value& out) {
    const std::size_t began = at_;
    take('-');
    const bool zero = peek() == '0';
    const std::size_t whole = digits();
    if (whole == 0) return fail("no value begins here");
    if (zero && whole > 1) return fail("a number begins with 0");
    bool integer = true;
    if (take('.')) {
      integer = false;
      if (digits() == 0) return fail("digits are missing");
    }
    if (take('e') || take('E')) {
      integer = false;
      if (!take('+')) take('-');
      if (digits() == 0) return fail("digits are missing");
    }
    const char* const first = text_.data() + began;
    const char* const last = text_.data() + at_;
    if (integer) {
      std::int64_t read = 0;
      if (std::from_chars(first, last, read).ec != std::errc()) return fail("too large a number");
      out = read;
      return true;
    }
    double read = 0;
    if (std::from_chars(first, last, read).ec != std::errc()) return fail("too large a number");
    out = read;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  const char* problem_ = "";
};

void write_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[at++];
    } else if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
      ++at;
    } else if (const std::size_t length = brigade::detail::utf8_length(text, at)) {
      out.append(text.substr(at, length));
      at += length;
    } else {
      out += "\xef\xbf\xbd";
      ++at;
    }
  }
  out += '"';
}

void write_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  std::array<char, 32> digits;
  out.append(digits.data(), std::to_chars(digits.begin(), digits.end(), number).ptr);
}

void write(std::string& out, const Value& value) {
  if (const auto* object = value.get_if<Value::Object>()) {
    char before = '{';
    for (const Field& field : *object) {
      out += std::exchange(before, ',');
      write_string(out, field.name());
      out += ':';
      write(out, field.value);
    }
    out += object->empty() ? "{}" : "}";
  } else if (const auto* array = value.get_if<Value::Array>()) {
    char before = '[';
    for (const Value& item : *array) {
      out += std::exchange(before, ',');
      write(out, item);
    }
    out += array->empty() ? "[]" : "]";
  } else if (const auto* text = value.get_if<std::string>()) {
    write_string(out, *text);
  } else if (const auto* number = value.get_if<double>()) {
    write_number(out, *number);
  } else if (const auto* integer = value.get_if<std::int64_t>()) {
    fmt::format_to(std::back_inserter(out), "{}", *integer);
  } else if (const auto* truth = value.get_if<bool>()) {
    out += *truth ? "true" : "false";
  } else {
    out += "null";
  }
}

}  // namespace

Result<Value> parse_json(std::string_view text) {
  return Parser(text).document();
}

std::string to_json(const Value& value) {
  std::string out;
  write(out, value);
  return out;
}

}  // namespace brigade::cluster::detail
