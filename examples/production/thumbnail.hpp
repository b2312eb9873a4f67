// Small JPEGs from large pictures.
#pragma once

#include <string>

/// Once per process, before any thumbnail. Throws std::runtime_error when libvips cannot start.
void start_vips(const char* program);

/// A JPEG of at most `width` pixels across from a JPEG, PNG or WebP. CPU work: run it in the pool.
/// Throws HttpError 415 when it is none of these or cannot be decoded, 413 when it has too many
/// pixels.
std::string thumbnail(std::string image, int width);
