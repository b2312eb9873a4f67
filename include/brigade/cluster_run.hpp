// cluster::run: a whole main() for a program that serves from several processes.
#pragma once

#include <brigade/cluster_control.hpp>
#include <brigade/cluster_restart.hpp>
#include <brigade/scheduling.hpp>
#include <brigade/time.hpp>
#include <brigade/worker_limits.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace brigade::cluster {

/// Where to listen. From the command line and the environment, or the program's own default.
struct Place {
  /// A numeric address; empty: every address of the machine.
  std::string host = {};
  /// 0: the kernel chooses; the primary prints which.
  std::uint16_t port = 3000;
  /// The port was asked for on the command line or in the environment, so it goes before one that
  /// the program names itself.
  bool port_given = false;
  bool host_given = false;
  /// A Unix socket instead, and then host and port mean nothing. A relative path begins at the
  /// worker's working directory.
  std::string path = {};
  bool path_given = false;
  /// The rights of a Unix socket's file, 0660 for instance. 0: as umask leaves them.
  unsigned mode = 0;
  /// Without a host: IPv6 alone, not IPv4 as well.
  bool ipv6_only = false;
  /// A socket for each worker instead of one for all of them. Port 0 is then another port in each,
  /// which its replacement gets again; a fixed port is refused to all but the first.
  bool exclusive = false;
};

/// What happens when the primary dies without having stopped its workers (kill -9, a crash).
enum class PrimaryDeath : std::uint8_t {
  /// The workers go on serving, and one of them starts a new primary, which takes over those that
  /// live. It is this program with the same arguments and environment: main() runs anew, makes its
  /// Primary and calls fork(), which finds the worker of that position instead of starting one.
  replace,
  /// The workers finish what they have and leave.
  drain,
};

/// What the primary knows once every worker listens.
struct Ready {
  std::string url;  // of the first socket: "http://127.0.0.1:3000", "unix:/run/app.sock"
  pid_t primary = 0;
  std::vector<pid_t> workers;  // empty with --workers 0
};

/// Each has a command-line option and an environment variable, which win in this order: command
/// line, environment, this struct.
struct RunOptions {
  /// --workers N|max, BRIGADE_WORKERS. 0: no primary, this process serves (for a debugger).
  /// Default: available_parallelism().
  std::optional<unsigned> workers = {};
  /// --port, BRIGADE_PORT.
  std::uint16_t port = 3000;
  /// --host, BRIGADE_HOST.
  std::string host = {};
  /// --socket, BRIGADE_SOCKET: a Unix socket's path, instead of host and port.
  std::string socket = {};
  /// --scheduling NAME, BRIGADE_SCHEDULING.
  Scheduling scheduling = Scheduling::balanced;
  /// --pin, BRIGADE_PIN=1: worker n runs on the n-th allowed CPU only.
  bool pin = false;
  /// A line for --help.
  std::string description = {};
  /// Draining is cut short after this time. BRIGADE_DRAIN_SECONDS.
  Duration drain_deadline = std::chrono::seconds(30);
  /// What `./app ctl` talks to. --name, BRIGADE_NAME, --control, BRIGADE_CONTROL, --no-control.
  std::optional<ControlSocket> control = ControlSocket{};
  /// --probation-seconds, BRIGADE_PROBATION_SECONDS: as PrimaryOptions::probation.
  Duration probation = std::chrono::seconds(3);
  /// As PrimaryOptions::surge.
  unsigned surge = 1;
  /// When workers that die are replaced.
  RestartOptions restarts = {};
  /// --hang-seconds, BRIGADE_HANG_SECONDS; BRIGADE_MAX_MEMORY, BRIGADE_MAX_REQUESTS,
  /// BRIGADE_MAX_AGE.
  WorkerLimits limits = {};
  /// --on-primary-death, BRIGADE_ON_PRIMARY_DEATH: replace or drain. As PID 1 of a container always
  /// drain: the kernel ends everything with that process.
  PrimaryDeath on_primary_death = PrimaryDeath::replace;
  bool port_given = false;  // set by run()
  bool host_given = false;
  bool socket_given = false;
  /// Called in the primary (or the only process) when all listen, after the line with the URL was
  /// printed. May be empty.
  std::function<void(const Ready&)> on_ready = {};
};

/// Reads the options, then becomes the primary, or calls `serve` as the worker (or as the only
/// process) and returns what it returns. Bad options: a message, and 2. `serve` usually ends with
/// `return server.listen(place).run();`.
int run(int argc, char** argv, RunOptions options, const std::function<int(const Place&)>& serve);

/// Which worker this process is, from 0, and how many there are meant to be; 0 and 1 when alone.
unsigned worker_number();
unsigned worker_count();

}  // namespace brigade::cluster
