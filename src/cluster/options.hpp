// The options that every program of ours takes.
#pragma once

#include <brigade/cluster_run.hpp>

#include <optional>

namespace brigade::cluster::detail {

/// Lays the environment and then the command line over `options`. An exit code when the program
/// should end now: 0 after --help, 2 after a bad option, with a message written.
std::optional<int> read_options(int argc, char** argv, RunOptions& options);

/// What the app is called, in its control socket's name, unless it is said at its start.
std::string app_name(const RunOptions& options);

}  // namespace brigade::cluster::detail
