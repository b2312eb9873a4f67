#include "cluster/control_place.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace brigade::cluster::detail {
namespace {

constexpr std::size_t longest_name = 64;
constexpr int backlog = 64;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

std::string lock_of(const std::string& socket) {
  return socket + ".lock";
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Where others may make and rename entries, they could put a directory of theirs in place of ours.
Result<void> check_way(std::string directory) {
  char* const resolved = ::realpath(directory.c_str(), nullptr);
  if (!resolved) return Error::from_errno(errno, directory);
  directory = resolved;
  std::free(resolved);
  while (true) {
    struct stat facts {};
    if (::stat(directory.c_str(), &facts) != 0) return Error::from_errno(errno, directory);
    const bool sticky = (facts.st_mode & S_ISVTX) != 0;
    const bool others = (facts.st_mode & S_IWOTH) != 0;
    const bool group =
        (facts.st_mode & S_IWGRP) != 0 && facts.st_gid != ::getegid() && facts.st_gid != 0;
    if (facts.st_uid != 0 && facts.st_uid != ::geteuid()) {
      return Error(EPERM, fmt::format("{} belongs to user {}", directory, facts.st_uid));
    }
    if ((others || group) && !sticky) {
      return Error(EPERM, directory + " can be written by other users");
    }
    if (directory == "/") return {};
    directory = parent_of(directory);
  }
}

// Empty when somebody else has it.
Result<Fd> lock(const std::string& path) {
  while (true) {
    // Non-blocking: somebody may have put a FIFO there.
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    struct stat facts {};
    if (!file || ::fstat(file.get(), &facts) != 0) return Error::from_errno(errno, path);
    if (!S_ISREG(facts.st_mode) || facts.st_uid != ::geteuid()) {
      return Error(EEXIST, path + " is no lock file of this user's: remove it");
    }
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return Fd();
      return Error::from_errno(errno, path);
    }
    // Its last holder removed it after we had opened it: what we have locked is not there any more.
    struct stat there {};
    if (::stat(path.c_str(), &there) == 0 && there.st_ino == facts.st_ino &&
        there.st_dev == facts.st_dev) {
      return file;
    }
  }
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// The lock is ours, so a socket that is there is left over, or has nothing to do with us.
Result<void> remove_left_over(const std::string& path, const sockaddr_un& address) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return {};
    return Error::from_errno(errno, path);
  }
  if (!S_ISSOCK(facts.st_mode)) {
    return Error(EEXIST, path + " is there and is no socket: remove it");
  }
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN) {
    return Error(EADDRINUSE, path + " is the socket of another program");
  }
  if (::unlink(path.c_str()) != 0) return Error::from_errno(errno, path);
  return {};
}

Result<Fd> listen_at(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Error(ENAMETOOLONG,
                 fmt::format("{} is longer than the {} bytes of a socket's path: choose a shorter "
                             "one (BRIGADE_CONTROL)",
                             path, sizeof(sockaddr_un::sun_path) - 1));
  }
  const sockaddr_un address = address_of(path);
  if (auto removed = remove_left_over(path, address); !removed) return removed.error();
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return Error::from_errno(errno, "socket");
  // Not by chmod afterwards: others could connect before.
  const mode_t before = ::umask(0177);
  const int bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(before);
  if (bound != 0) return Error::from_errno(error, path);
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0 || (facts.st_mode & 0777) != 0600 ||
      facts.st_uid != ::geteuid()) {
    ::unlink(path.c_str());
    return Error(EPERM, path + ": this file system does not keep a socket to its owner");
  }
  if (::listen(socket.get(), backlog) != 0) return Error::from_errno(errno, path);
  return socket;
}

// What instances of this program that were killed have left under names with their pids.
void remove_left_overs(const std::string& directory, const std::string& name) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    constexpr std::string_view ending = ".sock.lock";
    const std::string file = entry.path().filename();
    if (!file.ends_with(ending)) continue;
    if (!is_instance_of(file.substr(0, file.size() - ending.size()), name)) continue;
    auto held = lock(entry.path());
    if (!held || !*held) continue;  // it lives
    ::unlink(entry.path().c_str());
    std::string socket = entry.path();
    socket.resize(socket.size() - lock_of("").size());
    ::unlink(socket.c_str());
  }
}

}  // namespace

std::vector<std::string> control_directories() {
  std::vector<std::string> out;
  struct stat facts {};
  const char* const runtime = ::secure_getenv("XDG_RUNTIME_DIR");
  // `sudo` may leave another user's there.
  if (runtime && *runtime == '/' && ::stat(runtime, &facts) == 0 && facts.st_uid == ::geteuid()) {
    out.push_back(std::string(runtime) + "/brigade");
  }
  if (::geteuid() == 0) {
    out.emplace_back("/run/brigade");
  } else if (const char* home = ::secure_getenv("HOME"); home && *home == '/') {
    out.push_back(std::string(home) + "/.brigade/run");
  }
  return out;
}

Result<void> open_control_directory(const std::string& path) {
  const std::string parent = parent_of(path);
  if (parent.ends_with("/.brigade")) ::mkdir(parent.c_str(), 0700);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Error::from_errno(errno, path);
  const Fd directory(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
  struct stat facts {};
  if (!directory || ::fstat(directory.get(), &facts) != 0) {
    // With O_DIRECTORY that is also what a symbolic link gives.
    if (errno == ENOTDIR || errno == ELOOP)
      return Error(errno, path + " is no directory: remove it");
    return Error::from_errno(errno, path);
  }
  if (facts.st_uid != ::geteuid()) {
    return Error(EPERM, fmt::format("{} belongs to user {}", path, facts.st_uid));
  }
  if ((facts.st_mode & 077) != 0) {
    return Error(EPERM, fmt::format("{} is open to other users: chmod 700 it", path));
  }
  return check_way(parent);
}

bool is_control_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && name[0] != '.' && name[0] != '-' &&
         std::all_of(name.begin(), name.end(), is_name_char);
}

bool is_instance_of(std::string_view instance, std::string_view name) {
  if (!instance.starts_with(name)) return false;
  instance.remove_prefix(name.size());
  return instance.size() > 1 && instance[0] == '.' &&
         instance.substr(1).find_first_not_of("0123456789") == instance.npos;
}

std::string control_name_from(std::string_view text) {
  std::string out(text.substr(0, longest_name));
  for (char& each : out) {
    if (!is_name_char(each)) each = '_';
  }
  if (out.empty() || out[0] == '.' || out[0] == '-') out.insert(0, "_");
  out.resize(std::min(out.size(), longest_name));
  return out;
}

Result<std::optional<ControlPlace>> ControlPlace::try_take(const std::string& path,
                                                           const std::string& name) {
  auto held = lock(lock_of(path));
  if (!held) return held.error();
  if (!*held) return std::optional<ControlPlace>();
  auto socket = listen_at(path);
  if (!socket) {
    ::unlink(lock_of(path).c_str());
    return socket.error();
  }
  return std::optional(ControlPlace(path, name, std::move(*held), std::move(*socket)));
}

Result<ControlPlace> ControlPlace::take(const std::string& directory, const std::string& name) {
  remove_left_overs(directory, name);
  for (const std::string& each : {name, fmt::format("{}.{}", name, ::getpid())}) {
    auto taken = try_take(directory + "/" + each + ".sock", each);
    if (!taken) return taken.error();
    if (*taken) return std::move(**taken);
  }
  return Error(EADDRINUSE, fmt::format("{}/{}.sock is taken", directory, name));
}

Result<ControlPlace> ControlPlace::take_path(const std::string& path) {
  if (auto safe = check_way(parent_of(path)); !safe) return safe.error();
  std::string name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".sock")) name.resize(name.size() - 5);
  auto taken = try_take(path, control_name_from(name));
  if (!taken) return taken.error();
  if (!*taken) return Error(EADDRINUSE, path + " is taken by another running program");
  return std::move(**taken);
}

ControlPlace::~ControlPlace() {
  if (!lock_) return;  // moved from
  ::unlink(path_.c_str());
  ::unlink(lock_of(path_).c_str());
}

}  // namespace brigade::cluster::detail
