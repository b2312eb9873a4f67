#include "cluster/programs.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace brigade::cluster::detail {
namespace {

std::string own_path() {
  std::string out(4096, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", out.data(), out.size());
  out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  // Started from a file that was replaced: its path is the new file's.
  constexpr std::string_view deleted = " (deleted)";
  if (out.ends_with(deleted)) out.resize(out.size() - deleted.size());
  return out;
}

}  // namespace

Programs::Programs(std::uint64_t running) : running_(running), own_path_(own_path()) {}

Result<int> Programs::get(std::uint64_t generation, const std::string& path) {
  const auto found = opened_.find({generation, path});
  if (found != opened_.end()) return found->second.get();
  const bool running = path.empty() && generation == running_;
  const std::string file = running ? "/proc/self/exe" : path.empty() ? own_path_ : path;
  Fd opened(::open(file.c_str(), O_PATH | O_CLOEXEC));
  if (!opened || ::faccessat(AT_FDCWD, file.c_str(), X_OK, AT_EACCESS) != 0) {
    return Error::from_errno(errno, file);
  }
  return opened_.emplace(std::pair(generation, path), std::move(opened)).first->second.get();
}

void Programs::keep_only(const std::function<bool(std::uint64_t generation)>& needed) {
  std::erase_if(opened_, [&](const auto& each) { return !needed(each.first.first); });
}

}  // namespace brigade::cluster::detail
