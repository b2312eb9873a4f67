#include "thumbnail.hpp"

#include <vips/vips.h>
#include <brigade/http/error.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string_view>

using brigade::http::HttpError;

namespace {

// A picture of a few kilobytes can claim billions of pixels.
constexpr std::int64_t most_pixels = 100'000'000;

struct Unref {
  void operator()(VipsImage* image) const { g_object_unref(image); }
};
struct Free {
  void operator()(void* memory) const { g_free(memory); }
};

HttpError not_an_image() {
  vips_error_clear();
  return HttpError(415, "the body is not a JPEG, PNG or WebP image");
}

bool is_accepted(const std::string& image) {
  static constexpr std::array<std::string_view, 3> loaders = {
      "VipsForeignLoadJpegBuffer", "VipsForeignLoadPngBuffer", "VipsForeignLoadWebpBuffer"};
  const char* found = vips_foreign_find_load_buffer(image.data(), image.size());
  for (const std::string_view loader : loaders) {
    if (found && loader == found) return true;
  }
  return false;
}

}  // namespace

void start_vips(const char* program) {
  if (VIPS_INIT(program) != 0) {
    throw std::runtime_error(std::string("libvips cannot start: ") + vips_error_buffer());
  }
  // The pool has a thread per CPU already, and no two requests bring the same picture.
  vips_concurrency_set(1);
  vips_cache_set_max(0);
}

std::string thumbnail(std::string image, int width) {
  if (!is_accepted(image)) throw not_an_image();
  const std::unique_ptr<VipsImage, Unref> header(
      vips_image_new_from_buffer(image.data(), image.size(), "", nullptr));
  if (!header) throw not_an_image();
  if (std::int64_t{header->Xsize} * header->Ysize > most_pixels) {
    throw HttpError(413, "the image has more than 100 million pixels");
  }
  VipsImage* scaled = nullptr;
  // The height is no limit: `width` is what the caller asked for.
  if (vips_thumbnail_buffer(image.data(), image.size(), &scaled, width, "height", VIPS_MAX_COORD,
                            "size", VIPS_SIZE_DOWN, nullptr) != 0) {
    throw not_an_image();
  }
  const std::unique_ptr<VipsImage, Unref> small(scaled);
  void* bytes = nullptr;
  std::size_t size = 0;
  if (vips_jpegsave_buffer(small.get(), &bytes, &size, "Q", 80, "strip", 1, nullptr) != 0) {
    throw not_an_image();  // decoded only now, and found broken
  }
  const std::unique_ptr<void, Free> owned(bytes);
  return std::string(static_cast<const char*>(bytes), size);
}
