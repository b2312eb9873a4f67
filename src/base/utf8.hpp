// Well-formed UTF-8 (RFC 3629 section 4).
#pragma once

#include <cstddef>
#include <string_view>

namespace brigade::detail {

/// The length of the sequence at `at`, 1 to 4, or 0 when none begins there.
inline std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned char lead = byte(at);
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
  if (byte(at + 1) < low || byte(at + 1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

/// Where the first ill-formed sequence from `from` on begins; the text's size when there is none.
inline std::size_t utf8_end(std::string_view text, std::size_t from = 0) {
  while (from < text.size()) {
    const std::size_t length = utf8_length(text, from);
    if (length == 0) break;
    from += length;
  }
  return from;
}

}  // namespace brigade::detail
