// Where a control socket stands, and who may have it.
//
// Whoever may connect can stop the app: so the directory is this user's alone, and the socket is
// born 0600. A lock on the file beside it, and not the socket, says whether somebody is there: the
// kernel drops it with the process, however that ends.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace brigade::cluster::detail {

/// Directories for control sockets, the first for new ones: $XDG_RUNTIME_DIR/brigade where that is
/// this user's, then /run/brigade for root and ~/.brigade/run for others.
std::vector<std::string> control_directories();

/// Makes the directory, 0700, unless it is there. An Error says why it is not to be trusted: not
/// ours, open to others, a symbolic link, or in a directory where others may put another one.
Result<void> open_control_directory(const std::string& path);

/// Letters, digits, '.', '_' and '-', at most 64, and no '.' or '-' first.
bool is_control_name(std::string_view name);
/// The nearest name of that kind.
std::string control_name_from(std::string_view text);

/// `instance` is "name.1234": what `name` becomes where that is taken.
bool is_instance_of(std::string_view instance, std::string_view name);

/// A peer with these credentials may give orders to a process of `own` uid.
inline bool may_control(uid_t peer, uid_t own) {
  return peer == own || peer == 0;
}

/// A socket's file for as long as its lock is held. Removes both when it is destroyed.
class ControlPlace {
 public:
  /// `name`.sock in a directory that open_control_directory() has found good. While a living
  /// process has that, `name`.`pid`.sock.
  static Result<ControlPlace> take(const std::string& directory, const std::string& name);
  /// This very path. An Error when a living process has it.
  static Result<ControlPlace> take_path(const std::string& path);

  ControlPlace(ControlPlace&&) noexcept = default;
  ControlPlace& operator=(ControlPlace&&) = delete;
  ~ControlPlace();

  /// Listens; non-blocking.
  const Fd& socket() const { return socket_; }
  const std::string& path() const { return path_; }
  /// The one that was asked for, or that with the pid.
  const std::string& name() const { return name_; }

 private:
  ControlPlace(std::string path, std::string name, Fd lock, Fd socket)
      : path_(std::move(path)),
        name_(std::move(name)),
        lock_(std::move(lock)),
        socket_(std::move(socket)) {}
  static Result<std::optional<ControlPlace>> try_take(const std::string& path,
                                                      const std::string& name);

  std::string path_, name_;
  Fd lock_, socket_;
};

}  // namespace brigade::cluster::detail
