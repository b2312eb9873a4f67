#include "http/percent.hpp"

#include <algorithm>

#include "http/chars.hpp"

namespace brigade::http {

bool has_escapes(std::string_view text, bool plus_is_space) {
  return text.find('%') != std::string_view::npos ||
         (plus_is_space && text.find('+') != std::string_view::npos);
}

bool percent_decode(std::string_view text, std::string& out, bool plus_is_space) {
  out.clear();
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('%'), text.size());
    const std::size_t old_size = out.size();
    out.append(text.substr(0, plain));
    if (plus_is_space) {
      // Only in what was sent plain: "%2B" is a plus.
      std::replace(out.begin() + static_cast<std::ptrdiff_t>(old_size), out.end(), '+', ' ');
    }
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (text.size() < 3 || !chars::is(chars::hex, text[1]) || !chars::is(chars::hex, text[2])) {
      out.clear();
      return false;
    }
    out.push_back(static_cast<char>(chars::hex_value(text[1]) * 16 + chars::hex_value(text[2])));
    text.remove_prefix(3);
  }
  return true;
}

}  // namespace brigade::http
