#include "message/value_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/utf8.hpp"

namespace brigade::value_detail {
namespace {

constexpr std::size_t longest_name = 64;
constexpr std::string_view ellipsis = "\xe2\x80\xa6";
constexpr std::string_view replacement = "\xef\xbf\xbd";

bool is_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter == '_';
}

bool is_identifier(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && is_letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char letter) {
           return is_letter(letter) || (letter >= '0' && letter <= '9');
         });
}

// One character of the text, escaped; returns how many bytes of it that took.
std::size_t append_character(std::string& out, std::string_view text, std::size_t at) {
  constexpr std::string_view special = "\"\\\b\f\n\r\t";
  constexpr std::string_view letters = "\"\\bfnrt";
  const std::size_t length = detail::utf8_length(text, at);
  if (length == 0) {
    out += replacement;
    return 1;
  }
  const auto byte = static_cast<unsigned char>(text[at]);
  if (const std::size_t found = special.find(text[at]); found != special.npos) {
    out += '\\';
    out += letters[found];
  } else if (byte < 0x20 || byte == 0x7f) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
  } else {
    out.append(text, at, length);
  }
  return length;
}

}  // namespace

void append_quoted(std::string& out, std::string_view text, std::size_t max_length) {
  out += '"';
  const std::size_t start = out.size();
  std::size_t at = 0;
  while (at < text.size() && out.size() - start < max_length) at += append_character(out, text, at);
  if (at < text.size()) out += ellipsis;
  out += '"';
}

void append_name(std::string& path, std::string_view name) {
  if (is_identifier(name)) {
    path += '.';
    path += name;
    return;
  }
  path += '[';
  append_quoted(path, name, longest_name);
  path += ']';
}

void append_index(std::string& path, std::size_t index) {
  fmt::format_to(std::back_inserter(path), "[{}]", index);
}

std::string at_path(std::string_view path, std::string_view what) {
  return path.empty() ? std::string(what) : fmt::format("{}: {}", path, what);
}

}  // namespace brigade::value_detail
