// Character classes of HTTP/1.1, and scans over them.
//
// Each scan returns the first byte of [p, end) outside its class, or `end`. With SSE2 it takes 16
// bytes a step while 16 are left and never reads past `end`; the tail, and every other machine,
// goes by the table. Table and vector code must name the same class: parser_test compares them.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace brigade::http::chars {

inline constexpr std::uint8_t token = 1;   // tchar, RFC 9110 5.6.2
inline constexpr std::uint8_t target = 2;  // in a target without further thought; not ? % # and \.
inline constexpr std::uint8_t value = 4;   // field-vchar, SP and HTAB, RFC 9110 5.5
inline constexpr std::uint8_t reg_name = 8;  // RFC 3986 3.2.2, without % and comma
inline constexpr std::uint8_t hex = 16;
inline constexpr std::uint8_t digit = 32;

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  auto add = [&classes](std::string_view all, unsigned bits) {
    for (char c : all) {
      auto& entry = classes[static_cast<unsigned char>(c)];
      entry = static_cast<std::uint8_t>(entry | bits);
    }
  };
  for (unsigned c = 0; c < 256; ++c) {
    unsigned bits = (c >= 0x20 && c != 0x7f) || c == '\t' ? value : 0U;
    constexpr std::string_view special = "\"#%<>?\\";
    const bool plain = special.find(static_cast<char>(c)) == std::string_view::npos;
    if (c > 0x20 && c < 0x7f && plain) bits |= target;
    classes[c] = static_cast<std::uint8_t>(bits);
  }
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  add(letters, token | reg_name);
  add("0123456789", token | reg_name | hex | digit);
  add("abcdefABCDEF", hex);
  add("!#$%&'*+-.^_`|~", token);
  add("-._~!$&'()*+;=", reg_name);
  return classes;
}
inline constexpr std::array<std::uint8_t, 256> classes = make_classes();

inline bool is(std::uint8_t which, char c) {
  return (classes[static_cast<unsigned char>(c)] & which) != 0;
}

/// Only of a character in class `hex`.
inline unsigned hex_value(char c) {
  return c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>((c | 0x20) - 'a' + 10);
}

inline const char* skip(std::uint8_t which, const char* p, const char* end) {
  while (p != end && is(which, *p)) ++p;
  return p;
}

/// Some bytes as a number, upper case letters as lower case. Against a word of lower case letters
/// and hyphens it compares without case: besides their capitals only CR, which no name or value can
/// contain, turns into one of these.
template <class Word>
Word folded(const char* p) {
  Word bytes = 0;
  std::memcpy(&bytes, p, sizeof bytes);
  return bytes | static_cast<Word>(0x2020202020202020U);
}

#ifdef __SSE2__
namespace sse2 {

inline __m128i load(const char* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline __m128i equal(__m128i bytes, int c) {
  return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(static_cast<char>(c)));
}
inline __m128i either(__m128i a, __m128i b) {
  return _mm_or_si128(a, b);
}
inline unsigned mask(__m128i bytes) {
  return static_cast<unsigned>(_mm_movemask_epi8(bytes));
}

/// low <= byte <= high: moved up so that `high` becomes 127, one signed comparison is enough.
template <int low, int high>
__m128i within(__m128i bytes) {
  const __m128i moved = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(127 - high)));
  return _mm_cmpgt_epi8(moved, _mm_set1_epi8(static_cast<char>(126 - (high - low))));
}

/// A bit for each byte that is not a letter, a digit, '-' or '.'.
inline unsigned outside_plain_word(const char* p) {
  const __m128i bytes = load(p);
  const __m128i letter = within<'a', 'z'>(either(bytes, _mm_set1_epi8(0x20)));
  const __m128i rest = _mm_andnot_si128(equal(bytes, '/'), within<'-', '9'>(bytes));
  return mask(either(letter, rest)) ^ 0xffffU;
}

inline unsigned outside_digits(const char* p) {
  return mask(within<'0', '9'>(load(p))) ^ 0xffffU;
}

inline unsigned outside_value(const char* p) {
  const __m128i bytes = load(p);
  const __m128i control = equal(_mm_max_epu8(bytes, _mm_set1_epi8(0x1f)), 0x1f);
  return mask(either(_mm_andnot_si128(equal(bytes, '\t'), control), equal(bytes, 0x7f)));
}

inline unsigned outside_target(const char* p) {
  const __m128i bytes = load(p);
  // Signed, so that everything from 0x80 on is below 0x21 as well.
  const __m128i range = either(_mm_cmplt_epi8(bytes, _mm_set1_epi8(0x21)), equal(bytes, 0x7f));
  const __m128i quote_hash = equal(either(bytes, _mm_set1_epi8(1)), '#');
  const __m128i angles = equal(either(bytes, _mm_set1_epi8(2)), '>');
  const __m128i query = either(equal(bytes, '?'), equal(bytes, '%'));
  const __m128i special = either(either(quote_hash, angles), either(query, equal(bytes, '\\')));
  return mask(either(range, special));
}

}  // namespace sse2
#endif

/// Letters, digits, '-' and '.', while 16 bytes are left; stops early without SSE2. A head start
/// for classes that hold these.
inline const char* skip_plain_word(const char* p, const char* end) {
#ifdef __SSE2__
  for (; end - p >= 16; p += 16) {
    const unsigned outside = sse2::outside_plain_word(p);
    if (outside != 0) return p + __builtin_ctz(outside);
  }
#else
  static_cast<void>(end);
#endif
  return p;
}

/// A token. The vector part knows the characters that real field names have; another tchar, such as
/// '_', costs one more step.
inline const char* skip_token(const char* p, const char* end) {
#ifdef __SSE2__
  while (end - p >= 16) {
    const unsigned outside = sse2::outside_plain_word(p);
    if (outside == 0) {
      p += 16;
      continue;
    }
    p += __builtin_ctz(outside);
    if (!is(token, *p)) return p;
    ++p;
  }
#endif
  return skip(token, p, end);
}

inline const char* skip_value(const char* p, const char* end) {
#ifdef __SSE2__
  for (; end - p >= 16; p += 16) {
    const unsigned outside = sse2::outside_value(p);
    if (outside != 0) return p + __builtin_ctz(outside);
  }
#endif
  return skip(value, p, end);
}

inline const char* skip_target(const char* p, const char* end) {
#ifdef __SSE2__
  for (; end - p >= 16; p += 16) {
    const unsigned outside = sse2::outside_target(p);
    if (outside != 0) return p + __builtin_ctz(outside);
  }
#endif
  return skip(target, p, end);
}

}  // namespace brigade::http::chars
