// Reading the kernel's small text files.
#pragma once

#include <string>

namespace brigade::detail {

/// The whole file, or empty where it cannot be read. For /proc and /sys, not for user data.
std::string read_small_file(const std::string& path);

}  // namespace brigade::detail
