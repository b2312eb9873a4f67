#include "base/files.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <brigade/fd.hpp>

namespace brigade::detail {

std::string read_small_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  if (!file) return out;
  char buffer[4096];
  while (true) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got <= 0) return out;
    out.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace brigade::detail
