// The control socket of a program that a test runs: `ctl`, and clients that do as they like.
#pragma once

#include <brigade/fd.hpp>
#include "support/server.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace brigade::testing_support {

struct CtlResult {
  int code = -1;
  std::string out, err;
};

/// A folder for control sockets that is the test's alone.
class ControlFolder {
 public:
  /// For programs whose socket shall be there.
  std::map<std::string, std::string> environment() const;
  std::string socket(const std::string& name) const;
  std::string directory() const { return folder_.file("brigade"); }

  /// Runs `program ctl arguments…` to its end.
  CtlResult ctl(const std::string& program, std::vector<std::string> arguments) const;

 private:
  TemporaryFolder folder_;
};

/// Sends bytes to a control socket.
class RawControl {
 public:
  /// Throws when nobody listens there.
  explicit RawControl(const std::string& path);
  /// As far as it goes without waiting; false when the other end is gone.
  bool send(std::string_view bytes);
  /// With its length.
  bool ask(std::string_view json);
  /// Waits for the next frame; empty at the end of the connection.
  std::string read();
  /// Whether the other end has hung up.
  bool is_cut();

 private:
  bool fill(bool wait);

  Fd socket_;
  std::string buffer_;
};

}  // namespace brigade::testing_support
