#include <brigade/json.hpp>
#include <brigade/log.hpp>

#include <fmt/format.h>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace brigade {
namespace json_detail {
namespace {

using boost::json::value;

constexpr std::size_t max_depth = 64;

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

template <class Number>
void append_float(std::string& out, Number number) {
  if (!std::isfinite(number)) {
    out += "null";  // RFC 8259 section 6 has no way to write it; JSON.stringify does the same
    return;
  }
  append_number(out, number);
}

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// The length of the well-formed UTF-8 sequence at `at`, or 0 (RFC 3629 section 4).
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const unsigned char lead = byte_at(text, at);
  std::size_t length = 0;
  unsigned char low = 0x80;   // of the second byte, which rules out overlong forms, surrogates and
  unsigned char high = 0xbf;  // what lies beyond U+10FFFF
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) length = 2;
  if (lead >= 0xe0 && lead <= 0xef) length = 3;
  if (lead >= 0xf0 && lead <= 0xf4) length = 4;
  if (lead == 0xe0) low = 0xa0;
  if (lead == 0xed) high = 0x9f;
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  if (length == 0 || text.size() - at < length) return 0;
  if (byte_at(text, at + 1) < low || byte_at(text, at + 1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte_at(text, at + i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

void append_escape(std::string& out, unsigned char byte) {
  constexpr std::string_view special = "\"\\\b\f\n\r\t";
  constexpr std::string_view letters = "\"\\bfnrt";
  const std::size_t found = special.find(static_cast<char>(byte));
  if (found == std::string_view::npos) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    return;
  }
  out += '\\';
  out += letters[found];
}

}  // namespace

// ---- Writing ----

void write_bool(std::string& out, bool value) {
  out += value ? "true" : "false";
}
void write_integer(std::string& out, std::int64_t value) {
  append_number(out, value);
}
void write_integer(std::string& out, std::uint64_t value) {
  append_number(out, value);
}
void write_float(std::string& out, float value) {
  append_float(out, value);
}
void write_float(std::string& out, double value) {
  append_float(out, value);
}

void write_string(std::string& out, std::string_view value) {
  out += '"';
  std::size_t at = 0;
  while (at < value.size()) {
    std::size_t end = at;
    while (end < value.size() && is_plain(byte_at(value, end))) ++end;
    out.append(value, at, end - at);
    at = end;
    if (at == value.size()) break;
    const unsigned char byte = byte_at(value, at);
    if (byte < 0x80) {
      append_escape(out, byte);
      ++at;
    } else if (const std::size_t length = utf8_length(value, at); length > 0) {
      out.append(value, at, length);
      at += length;
    } else {
      out += "\xef\xbf\xbd";  // U+FFFD: a stray byte must not make the whole document unreadable
      ++at;
    }
  }
  out += '"';
}

void write_tree(std::string& out, const boost::json::object& value) {
  write_list(out, '{', '}', [&](auto next) {
    for (const auto& field : value) {
      next();
      write_string(out, std::string_view(field.key().data(), field.key().size()));
      out += ':';
      write_tree(out, field.value());
    }
  });
}

void write_tree(std::string& out, const boost::json::array& value) {
  write_list(out, '[', ']', [&](auto next) {
    for (const auto& element : value) {
      next();
      write_tree(out, element);
    }
  });
}

// Not boost::json::serialize, which writes NaN and 1e99999 and passes invalid UTF-8 through.
void write_tree(std::string& out, const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      out += "null";
      break;
    case boost::json::kind::bool_:
      write_bool(out, value.get_bool());
      break;
    case boost::json::kind::int64:
      write_integer(out, value.get_int64());
      break;
    case boost::json::kind::uint64:
      write_integer(out, value.get_uint64());
      break;
    case boost::json::kind::double_:
      write_float(out, value.get_double());
      break;
    case boost::json::kind::string: {
      const boost::json::string& text = value.get_string();
      write_string(out, std::string_view(text.data(), text.size()));
      break;
    }
    case boost::json::kind::array:
      write_tree(out, value.get_array());
      break;
    case boost::json::kind::object:
      write_tree(out, value.get_object());
      break;
  }
}

// ---- Errors ----

namespace {

bool is_word(std::string_view name) {
  const auto good = [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
  };
  return !name.empty() && std::ranges::all_of(name, good);
}

// "user.tags[3]"; names that are not words, which only a client's map keys can be, in quotes.
void append_path(std::string& out, const Path& path) {
  if (!path.parent) return;
  append_path(out, *path.parent);
  if (path.is_element) {
    fmt::format_to(std::back_inserter(out), "[{}]", path.index);
  } else if (!is_word(path.name)) {
    fmt::format_to(std::back_inserter(out), "[\"{}\"]", log::escape(path.name));
  } else {
    if (!out.empty()) out += '.';
    out += path.name;
  }
}

bool fail(Error& error, const Path& path, std::string_view what) {
  std::string message;
  append_path(message, path);
  if (!message.empty()) message += ": ";
  message += what;
  error = Error(std::move(message));
  return false;
}

std::string_view kind_of(const value& got) {
  switch (got.kind()) {
    case boost::json::kind::null:
      return "null";
    case boost::json::kind::bool_:
      return "a boolean";
    case boost::json::kind::string:
      return "a string";
    case boost::json::kind::array:
      return "an array";
    case boost::json::kind::object:
      return "an object";
    default:
      return "a number";
  }
}

bool fail_number(Error& error, const Path& path, const std::string& expected, const value& got) {
  if (!got.is_number()) return fail_type(error, path, expected, got);
  std::string number;
  write_tree(number, got);
  if (number == "null") number = "one beyond the range of a double";
  return fail(error, path, fmt::format("expected {}, got {}", expected, number));
}

}  // namespace

bool fail_missing(Error& error, const Path& path) {
  return fail(error, path, "missing");
}

bool fail_type(Error& error, const Path& path, std::string_view expected, const value& got) {
  return fail(error, path, fmt::format("expected {}, got {}", expected, kind_of(got)));
}

bool fail_size(Error& error, const Path& path, std::size_t expected, std::size_t got) {
  return fail(error, path, fmt::format("expected an array of {} elements, got {}", expected, got));
}

bool fail_name(Error& error, const Path& path, std::string_view known, std::string_view got) {
  return fail(error, path, fmt::format("expected one of {}, got \"{}\"", known, log::escape(got)));
}

// ---- Reading ----

namespace {

// A double that means an integer exactly: beyond 2^53 its neighbours would read the same.
bool is_whole(double number) {
  constexpr double exact = 9007199254740992.0;
  return number >= -exact && number <= exact && std::trunc(number) == number;
}

template <class Wide>
bool read_wide(const value& from, Wide low, Wide high, Wide& to, const Path& path, Error& error) {
  bool in_range = false;
  const auto check = [&](auto number) {
    in_range = std::cmp_greater_equal(number, low) && std::cmp_less_equal(number, high);
    if (in_range) to = static_cast<Wide>(number);
  };
  if (from.is_int64()) {
    check(from.get_int64());
  } else if (from.is_uint64()) {
    check(from.get_uint64());
  } else if (from.is_double() && is_whole(from.get_double())) {
    check(static_cast<std::int64_t>(from.get_double()));
  } else if (!from.is_double() || std::trunc(from.get_double()) != from.get_double()) {
    return fail_number(error, path, "an integer", from);
  }
  if (in_range) return true;
  return fail_number(error, path, fmt::format("an integer from {} to {}", low, high), from);
}

template <class Float>
bool read_any_float(const value& from, Float& to, const Path& path, Error& error) {
  double number = 0;
  if (from.is_int64()) {
    number = static_cast<double>(from.get_int64());
  } else if (from.is_uint64()) {
    number = static_cast<double>(from.get_uint64());
  } else if (from.is_double()) {
    number = from.get_double();
  } else {
    return fail_type(error, path, "a number", from);
  }
  // Also the parser's infinity for "1e400".
  if (!(std::abs(number) <= static_cast<double>(std::numeric_limits<Float>::max()))) {
    constexpr bool narrow = std::same_as<Float, float>;
    return fail_number(error, path, narrow ? "a number that fits a float" : "a number", from);
  }
  to = static_cast<Float>(number);
  return true;
}

}  // namespace

bool read_bool(const value& from, bool& to, const Path& path, Error& error) {
  if (!from.is_bool()) return fail_type(error, path, "a boolean", from);
  to = from.get_bool();
  return true;
}

bool read_integer(const value& from, std::int64_t low, std::int64_t high, std::int64_t& to,
                  const Path& path, Error& error) {
  return read_wide(from, low, high, to, path, error);
}

bool read_integer(const value& from, std::uint64_t low, std::uint64_t high, std::uint64_t& to,
                  const Path& path, Error& error) {
  return read_wide(from, low, high, to, path, error);
}

bool read_float(const value& from, float& to, const Path& path, Error& error) {
  return read_any_float(from, to, path, error);
}

bool read_float(const value& from, double& to, const Path& path, Error& error) {
  return read_any_float(from, to, path, error);
}

bool read_string(const value& from, std::string& to, const Path& path, Error& error) {
  if (!from.is_string()) return fail_type(error, path, "a string", from);
  const boost::json::string& text = from.get_string();
  to.assign(text.data(), text.size());
  return true;
}

const boost::json::array* as_array(const value& from, const Path& path, Error& error) {
  if (!from.is_array()) fail_type(error, path, "an array", from);
  return from.if_array();
}

const boost::json::object* as_object(const value& from, const Path& path, Error& error) {
  if (!from.is_object()) fail_type(error, path, "an object", from);
  return from.if_object();
}

const value* find(const boost::json::object& object, std::string_view name) {
  return object.if_contains(boost::json::string_view(name.data(), name.size()));
}

// ---- Parsing ----

namespace {

std::string explain(const boost::json::error_code& code, std::string_view text, std::size_t at) {
  if (code == boost::json::error::too_deep) {
    return fmt::format("nested deeper than {} levels", max_depth);
  }
  if (code == boost::json::error::incomplete || at >= text.size()) return "the text ends too early";
  const std::string found = log::escape(text.substr(at, 1));
  if (byte_at(text, at) >= 0x80 && utf8_length(text, at) == 0) {
    return fmt::format("invalid UTF-8, \"{}\"", found);
  }
  if (code == boost::json::error::syntax) return fmt::format("unexpected \"{}\"", found);
  if (code == boost::json::error::extra_data) {
    return fmt::format("unexpected \"{}\" after the value", found);
  }
  return code.message();
}

Result<value> parse(std::string_view text, boost::json::storage_ptr storage) {
  boost::json::parse_options options;
  options.max_depth = max_depth;
  boost::json::parser parser({}, options);
  parser.reset(std::move(storage));
  boost::json::error_code code;
  const std::size_t at = parser.write(text.data(), text.size(), code);
  if (!code) return parser.release();

  const std::string_view before = text.substr(0, at);
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t column = at - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  return Error(fmt::format("invalid JSON at line {}, column {} (byte {}): {}", line, column, at,
                           explain(code, text, at)));
}

}  // namespace

Result<value> parse_scratch(std::string_view text) {
  return parse(text, boost::json::make_shared_resource<boost::json::monotonic_resource>());
}

}  // namespace json_detail

Result<boost::json::value> parse_json(std::string_view text) {
  return json_detail::parse(text, {});
}

}  // namespace brigade
