#include "cluster/unix_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace brigade::cluster::detail {
namespace {

constexpr std::size_t longest_path = sizeof(sockaddr_un::sun_path) - 1;

std::string working_directory() {
  std::string out(4096, '\0');
  if (!::getcwd(out.data(), out.size())) return "";
  out.resize(std::strlen(out.c_str()));
  if (!out.ends_with('/')) out += '/';
  return out;
}

// The kernel takes about a hundred bytes: what is too long may do relative to where we are.
std::optional<sockaddr_un> address_of(const std::string& path) {
  std::string name = path;
  const std::string here = working_directory();
  if (name.size() > longest_path && !here.empty() && name.starts_with(here))
    name.erase(0, here.size());
  if (name.empty() || name.size() > longest_path) return std::nullopt;
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  name.copy(out.sun_path, name.size());
  return out;
}

int call(int (*function)(int, const sockaddr*, socklen_t), int fd, const sockaddr_un& address) {
  return function(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Error explain(int code, const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  switch (code) {
    case EADDRINUSE:
      return Error(code, fmt::format("cannot listen on unix:{}: another program listens there. "
                                     "Stop it, or choose another path with --socket.",
                                     path));
    case EEXIST:
      return Error(EADDRINUSE, fmt::format("cannot listen on unix:{}: there is a file of that name "
                                           "that is no socket. Choose another path with --socket.",
                                           path));
    case ENOENT:
      return Error(code,
                   fmt::format("cannot listen on unix:{}: there is no folder {}", path, folder));
    case EACCES:
      return Error(code, fmt::format("cannot listen on unix:{}: this user may not make files in {}",
                                     path, folder));
    default:
      return Error::from_errno(code, "cannot listen on unix:" + path);
  }
}

/// Two programs that find the same stale file must not both replace it: the second would remove the
/// first one's socket. The lock is on the folder, so that nothing is left behind. Whoever may read
/// the folder can hold it for ever, so after a moment we go on without.
Fd lock_folder(const std::string& path) {
  Fd folder(
      ::open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int tries = 0; folder && tries < 100; ++tries) {
    if (::flock(folder.get(), LOCK_EX | LOCK_NB) == 0) break;
    ::usleep(1000);
  }
  return folder;
}

// 0: a socket's file that nobody listens at.
int why_not_stale(const std::string& path, const sockaddr_un& address) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return errno == ENOENT ? 0 : errno;
  if (!S_ISSOCK(facts.st_mode)) return EEXIST;
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return errno;
  if (call(&::connect, probe.get(), address) == 0) return EADDRINUSE;
  return errno == ECONNREFUSED || errno == ENOENT ? 0 : EADDRINUSE;
}

}  // namespace

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat facts {};
  if (::lstat(path_.c_str(), &facts) != 0) path_.clear();
  device_ = facts.st_dev;
  inode_ = facts.st_ino;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  if (this == &other) return *this;
  remove();
  path_ = std::exchange(other.path_, {});
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

void SocketFile::remove() {
  if (path_.empty()) return;
  struct stat facts {};
  if (::lstat(path_.c_str(), &facts) == 0 && facts.st_dev == device_ && facts.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
  path_.clear();
}

Result<UnixSocket> listen_on_path(const std::string& path, unsigned mode, int backlog) {
  const auto address = address_of(path);
  if (!address) {
    return Error(ENAMETOOLONG,
                 fmt::format("cannot listen on unix:{}: the path has {} bytes, the kernel takes {}",
                             path, path.size(), longest_path));
  }
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return explain(errno, path);
  // Before bind(), which makes the file with these rights, less umask's.
  if (mode != 0) ::fchmod(socket.get(), mode);
  const Fd lock = lock_folder(path);
  if (call(&::bind, socket.get(), *address) != 0) {
    if (errno != EADDRINUSE) return explain(errno, path);
    if (const int why = why_not_stale(path, *address)) return explain(why, path);
    ::unlink(path.c_str());
    if (call(&::bind, socket.get(), *address) != 0) return explain(errno, path);
  }
  SocketFile file(path);
  if (mode != 0 && ::chmod(path.c_str(), mode) != 0) return explain(errno, path);
  if (::listen(socket.get(), backlog) != 0) return explain(errno, path);
  return UnixSocket{std::move(socket), std::move(file)};
}

std::string absolute_path(const std::string& path) {
  return path.starts_with('/') ? path : working_directory() + path;
}

}  // namespace brigade::cluster::detail
