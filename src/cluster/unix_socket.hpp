// A Unix socket to listen on, and the file that is its name.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>

#include <string>

#include <sys/types.h>

namespace brigade::cluster::detail {

/// Removes a socket's file when it goes, unless the path leads to another file by then. Held by
/// whoever made the socket, not by a worker that uses it. Move-only.
class SocketFile {
 public:
  SocketFile() = default;
  /// The file that is at this path now.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&& other) noexcept;
  ~SocketFile() { remove(); }

  void remove();
  /// Leaves the file where it is: somebody else has taken the socket over.
  void release() { path_.clear(); }

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct UnixSocket {
  Fd fd;
  SocketFile file;
};

/// Non-blocking, CLOEXEC. `path` is absolute; `mode` is the file's from its first moment, or 0 to
/// leave it to umask. A socket's file that nobody listens at any more is replaced; one that is in
/// use, or no socket, is an error.
Result<UnixSocket> listen_on_path(const std::string& path, unsigned mode, int backlog);

/// Relative to this process's working directory, where it does not begin with a slash.
std::string absolute_path(const std::string& path);

}  // namespace brigade::cluster::detail
