// How a process ended that is not our child.
#pragma once

#include <brigade/child.hpp>

namespace brigade::detail {

/// `pidfd` polls readable: the process has ended. Its parent may have reaped it or not.
ExitStatus exit_of_foreign(int pidfd);

// The decisions, apart from the files.

/// The status as waitpid(2) gives it.
ExitStatus exit_from_wait_status(int status);
/// From a zombie's /proc/PID/stat: its last field. Unknown when it is no zombie.
ExitStatus exit_from_stat(const std::string& stat);

}  // namespace brigade::detail
