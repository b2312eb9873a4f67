// The numbers of RFC 8949 that reader and writer share.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>

namespace brigade::cbor {

// Section 3.1.
enum Major : std::uint8_t {
  major_unsigned = 0,
  major_negative = 1,
  major_bytes = 2,
  major_text = 3,
  major_array = 4,
  major_map = 5,
  major_tag = 6,
  major_simple = 7,
};

// The additional information of a head, section 3.
constexpr std::uint8_t one_byte_follows = 24;
constexpr std::uint8_t eight_bytes_follow = 27;
constexpr std::uint8_t indefinite_length = 31;

// Of major type 7, section 3.3.
constexpr std::uint8_t simple_false = 20;
constexpr std::uint8_t simple_true = 21;
constexpr std::uint8_t simple_null = 22;
constexpr std::uint8_t simple_undefined = 23;
constexpr std::uint8_t half_float = 25;
constexpr std::uint8_t single_float = 26;
constexpr std::uint8_t double_float = 27;

// Section 3.4.3.
constexpr std::uint64_t tag_positive_bignum = 2;
constexpr std::uint64_t tag_negative_bignum = 3;
// Our own, unregistered: "BRGF" and "BRGB". Inside stands the number of the descriptor among those
// of the message, from 0 in the order in which they appear; for an empty buffer null.
constexpr std::uint64_t tag_descriptor = 0x42524746;
constexpr std::uint64_t tag_buffer = 0x42524742;

/// Section 3.3 and appendix D.
inline double from_half(std::uint16_t half) {
  const int exponent = (half >> 10) & 0x1f;
  const int mantissa = half & 0x3ff;
  double value = 0;
  if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else if (exponent != 31) {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  } else {
    value = mantissa == 0 ? INFINITY : NAN;
  }
  return (half & 0x8000) != 0 ? -value : value;
}

/// Nothing when it would lose digits. Not for NaN.
inline std::optional<std::uint16_t> to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000;
  const int exponent = static_cast<int>((bits >> 23) & 0xff) - 127;
  const std::uint32_t mantissa = bits & 0x7fffff;
  const auto half = [](std::uint32_t word) { return static_cast<std::uint16_t>(word); };
  if (value == 0) return half(sign);
  if (std::isinf(value)) return half(sign | 0x7c00);
  if (exponent > 15 || exponent < -24) return std::nullopt;
  // Subnormal halves have fewer digits the smaller they are.
  const int dropped = exponent >= -14 ? 13 : -1 - exponent;
  const std::uint32_t digits = exponent >= -14 ? mantissa : mantissa | 0x800000;
  if ((digits & ((1u << dropped) - 1)) != 0) return std::nullopt;
  const std::uint32_t biased = exponent >= -14 ? static_cast<std::uint32_t>(exponent + 15) : 0;
  return half(sign | (biased << 10) | (digits >> dropped));
}

}  // namespace brigade::cbor
