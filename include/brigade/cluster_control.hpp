// The socket that `./app ctl` talks to.
#pragma once

#include <string>

namespace brigade::cluster {

/// Who may connect can stop the app: only its own user, and root.
struct ControlSocket {
  /// What the app is called in `ctl --name`. Empty: its program's name.
  std::string name = {};
  /// Empty: name.sock in $XDG_RUNTIME_DIR/brigade, /run/brigade (root) or ~/.brigade/run. Where
  /// that is taken by a living instance: name.pid.sock.
  std::string path = {};
};

}  // namespace brigade::cluster
