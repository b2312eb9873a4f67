#include "images.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>

namespace {

unsigned byte_at(const std::string& bytes, std::size_t index) {
  return static_cast<unsigned char>(bytes[index]);
}
unsigned word_at(const std::string& bytes, std::size_t index) {
  return byte_at(bytes, index) << 8 | byte_at(bytes, index + 1);
}

std::string big_endian(std::uint32_t value) {
  std::string out;
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(value >> shift));
  return out;
}

// Of PNG's appendix D.
std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

std::string png_chunk(const std::string& type_and_data) {
  return big_endian(static_cast<std::uint32_t>(type_and_data.size() - 4)) + type_and_data +
         big_endian(crc32(type_and_data));
}

std::string png(std::uint32_t width, std::uint32_t height, const std::string& data) {
  const std::string eight_bit_grey("\x08\0\0\0\0", 5);
  return "\x89PNG\r\n\x1a\n" +
         png_chunk("IHDR" + big_endian(width) + big_endian(height) + eight_bit_grey) +
         png_chunk("IDAT" + data) + png_chunk("IEND");
}

}  // namespace

std::vector<std::filesystem::path> photographs() {
  std::vector<std::filesystem::path> out;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator("/usr/share/backgrounds", ignored)) {
    const std::string kind = entry.path().extension();
    const bool known = kind == ".jpg" || kind == ".jpeg" || kind == ".png" || kind == ".webp";
    if (known && entry.is_regular_file() && !entry.is_symlink()) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string contents_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<Size> jpeg_size(const std::string& image) {
  if (!image.starts_with("\xff\xd8\xff") || !image.ends_with("\xff\xd9")) return std::nullopt;
  // Segments: FF, a marker, a length that counts itself. SOF0 to SOF2 have the size.
  for (std::size_t at = 2; at + 9 < image.size() && byte_at(image, at) == 0xff;) {
    const unsigned marker = byte_at(image, at + 1);
    if (marker >= 0xc0 && marker <= 0xc2)
      return Size{word_at(image, at + 7), word_at(image, at + 5)};
    at += 2 + word_at(image, at + 2);
  }
  return std::nullopt;
}

std::string tiny_png() {
  // zlib, stored: a row's filter byte and its one pixel.
  return png(1, 1, std::string("\x78\x01\x01\x02\0\xfd\xff\0\x80\0\x82\0\x81", 13));
}

std::string png_that_claims(std::uint32_t width, std::uint32_t height) {
  return png(width, height, std::string("\x78\x01", 2));
}

std::string tiny_webp() {
  return std::string(
      "RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0", 34);
}
