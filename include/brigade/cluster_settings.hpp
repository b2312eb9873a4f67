// How the process of a worker is started: what Node calls cluster.settings.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace brigade::cluster {

/// Where a worker's standard output and error go.
enum class Output : std::uint8_t {
  inherit,  // where the primary's go
  keep,     // the default: the same, but standard error by way of the primary, in whole lines, of
            // which it keeps the last; what neither has room for is lost, not waited for
  pipe,     // to the primary alone: Primary::on_output (what Node calls silent)
};

enum class OutputStream : std::uint8_t { out, error };

/// A field that is not set leaves what was there, and at first the primary's own: so that the same
/// struct serves for all of it and for a change of one field.
struct WorkerSettings {
  /// Path of the workers' program. Default: this program, from its file.
  std::optional<std::string> program = {};
  /// Of its main(), the program's name first. Default: this process's own.
  std::optional<std::vector<std::string>> arguments = {};
  /// Laid over the primary's own environment.
  std::optional<std::map<std::string, std::string>> environment = {};
  /// Working directory.
  std::optional<std::string> directory = {};
  std::optional<Output> output = {};
  /// Needs root. The worker has no supplementary groups then.
  std::optional<uid_t> uid = {};
  std::optional<gid_t> gid = {};

  /// Takes over each field that is set in `patch`.
  void overlay(const WorkerSettings& patch);
};

}  // namespace brigade::cluster
