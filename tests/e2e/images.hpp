// Pictures for tests: real ones where the machine has them, and hand-made ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// JPEG, PNG and WebP files of Debian's packages of backgrounds. May be none.
std::vector<std::filesystem::path> photographs();
std::string contents_of(const std::filesystem::path& path);

struct Size {
  unsigned width = 0;
  unsigned height = 0;
};
/// Nothing when it is no JPEG.
std::optional<Size> jpeg_size(const std::string& image);

/// One pixel each.
std::string tiny_png();
std::string tiny_webp();
/// A PNG that says it is so large, and has no pixels.
std::string png_that_claims(std::uint32_t width, std::uint32_t height);
