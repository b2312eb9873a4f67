// `./app ctl …`: asks and steers the running app through its control socket.
#pragma once

#include <string>

namespace brigade::cluster::detail {

/// 0 done, 1 refused or failed, 2 usage, 3 not running. `argv[0]` is the program, `argv[1]` "ctl";
/// `name` is what the app is called unless the command line or the environment say otherwise.
int run_ctl(int argc, char** argv, const std::string& name);

}  // namespace brigade::cluster::detail
