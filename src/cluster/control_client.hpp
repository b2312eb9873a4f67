// The other end of the control socket: for `ctl`, which may wait.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/value.hpp>

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "cluster/control_frame.hpp"

namespace brigade::cluster::detail {

class ControlClient {
 public:
  /// Connects and reads the hello. Refuses a socket that another user's process listens on.
  static Result<ControlClient> connect(const std::string& path);

  const std::string& app() const { return app_; }
  pid_t pid() const { return pid_; }

  Result<void> send(const Value& request);
  /// The next frame; nothing when the primary has closed the connection. With `patient` it may take
  /// as long as it takes, otherwise five seconds.
  Result<std::optional<Value>> receive(bool patient);

 private:
  explicit ControlClient(Fd socket) : socket_(std::move(socket)) {}

  Fd socket_;
  FrameDecoder decoder_{max_answer};
  std::string app_;
  pid_t pid_ = 0;
};

struct ControlInstance {
  std::string name;
  std::string path;
  pid_t pid = 0;
};

/// The living primaries in this user's directories, by name: all, or those of `name`: itself and
/// those that had to add their pid to it.
std::vector<ControlInstance> list_controls(const std::string& name = {});

}  // namespace brigade::cluster::detail
