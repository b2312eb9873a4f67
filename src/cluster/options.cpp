#include "cluster/options.hpp"

#include "cluster/control_place.hpp"
#include "cluster/listen_socket.hpp"

#include <brigade/system.hpp>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <string>

namespace brigade::cluster::detail {
namespace {

constexpr unsigned most_workers = 120;

unsigned workers_from(const std::string& text) {
  if (text == "max") return available_parallelism();
  unsigned value = 0;
  if (!CLI::detail::lexical_cast(text, value) || value > most_workers || text.starts_with('-')) {
    throw CLI::ValidationError("--workers",
                               "must be a number from 0 to 120, or max, not \"" + text + "\"");
  }
  return value;
}

Scheduling scheduling_of(const std::string& name) {
  if (const auto found = scheduling_from(name)) return *found;
  throw CLI::ValidationError(
      "--scheduling", "must be balanced, round_robin, shared or reuse_port, not \"" + name + "\"");
}

void take_control_options(const std::string& name, const std::string& path, bool none,
                          RunOptions& options) {
  if (!name.empty() && !is_control_name(name)) {
    throw CLI::ValidationError("--name",
                               "must be letters, digits, '.', '_' and '-', at most 64, "
                               "not \"" +
                                   name + "\"");
  }
  if (none || path == "off") {
    options.control.reset();
    return;
  }
  if (!options.control && (!name.empty() || !path.empty())) options.control.emplace();
  if (!options.control) return;
  options.control->name = name.empty() ? app_name(options) : name;
  if (!path.empty()) options.control->path = path;
}

}  // namespace

std::string app_name(const RunOptions& options) {
  const bool named = options.control && !options.control->name.empty();
  return control_name_from(named ? options.control->name : ::program_invocation_short_name);
}

std::optional<int> read_options(int argc, char** argv, RunOptions& options) {
  CLI::App parser(options.description);
  std::string workers;
  std::string scheduling;
  double drain_seconds = std::chrono::duration<double>(options.drain_deadline).count();
  double probation_seconds = std::chrono::duration<double>(options.probation).count();
  parser
      .add_option("--workers", workers,
                  "Worker processes: 1 to 120, or max for one per CPU; 0: one process in all")
      ->envname("BRIGADE_WORKERS");
  parser.add_option("--port", options.port, "Port to listen on; 0: any free one")
      ->envname("BRIGADE_PORT")
      ->capture_default_str();
  parser
      .add_option("--host", options.host,
                  "Numeric address to listen on, or localhost; default: all")
      ->envname("BRIGADE_HOST");
  parser
      .add_option("--socket", options.socket,
                  "Path of a Unix socket to listen on, instead of a port")
      ->envname("BRIGADE_SOCKET");
  parser
      .add_option(
          "--scheduling", scheduling,
          "How connections reach workers: balanced, round_robin, shared or reuse_port; default: " +
              std::string(to_string(options.scheduling)))
      ->envname("BRIGADE_SCHEDULING");
  parser.add_flag("--pin", options.pin, "Bind each worker to a CPU of its own")
      ->envname("BRIGADE_PIN");
  parser
      .add_option("--drain-seconds", drain_seconds, "Time to finish in when stopping or reloading")
      ->envname("BRIGADE_DRAIN_SECONDS")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  std::string name;
  std::string control;
  bool no_control = false;
  parser.add_option("--name", name, "What `ctl` finds it by; default: the program's name")
      ->envname("BRIGADE_NAME");
  parser.add_option("--control", control, "Path of its control socket; off: none")
      ->envname("BRIGADE_CONTROL");
  parser.add_flag("--no-control", no_control, "No control socket");
  parser.footer(std::string(argv[0]) + " ctl --help tells how to steer it while it runs.");
  parser
      .add_option("--probation-seconds", probation_seconds,
                  "Time that a reload's new worker must live, or all is rolled back")
      ->envname("BRIGADE_PROBATION_SECONDS")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  WorkerLimits& limits = options.limits;
  double hang_seconds = std::chrono::duration<double>(limits.hang_after).count();
  double max_age = std::chrono::duration<double>(limits.max_age).count();
  parser
      .add_option("--hang-seconds", hang_seconds,
                  "A worker that stands still for so long is replaced; 0: never")
      ->envname("BRIGADE_HANG_SECONDS")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  parser
      .add_option("--max-memory", limits.max_memory,
                  "Memory of its own that a worker may have, 512M say, before it is replaced")
      ->envname("BRIGADE_MAX_MEMORY")
      ->transform(CLI::AsSizeValue(false));
  parser
      .add_option("--max-requests", limits.max_requests,
                  "Requests that a worker may have before it is replaced")
      ->envname("BRIGADE_MAX_REQUESTS");
  parser.add_option("--max-age", max_age, "Seconds that a worker may live before it is replaced")
      ->envname("BRIGADE_MAX_AGE")
      ->check(CLI::Range(0.0, 1e9));
  parser
      .add_option("--on-primary-death", options.on_primary_death,
                  "replace: workers serve on and start a new primary; drain: they finish and leave")
      ->envname("BRIGADE_ON_PRIMARY_DEATH")
      ->transform(CLI::CheckedTransformer(std::map<std::string, PrimaryDeath>{
          {"replace", PrimaryDeath::replace}, {"drain", PrimaryDeath::drain}}));
  try {
    parser.parse(argc, argv);
    take_control_options(name, control, no_control, options);
    if (!workers.empty()) options.workers = workers_from(workers);
    if (!scheduling.empty()) options.scheduling = scheduling_of(scheduling);
    if (!is_listen_host(options.host)) {
      throw CLI::ValidationError(
          "--host", "must be a numeric address or localhost, not \"" + options.host + "\"");
    }
    const char* socket_variable = std::getenv("BRIGADE_SOCKET");
    const bool named = parser.count("--socket") > 0 || socket_variable;
    if (named && options.socket.empty()) {  // or what should be private would be on a port
      throw CLI::ValidationError("--socket", "must be a path, not empty");
    }
    options.port_given = parser.count("--port") > 0;
    options.socket_given = parser.count("--socket") > 0;
    options.host_given = parser.count("--host") > 0;
  } catch (const CLI::ParseError& error) {
    const int code = parser.exit(error);
    return code == 0 ? 0 : 2;
  }
  const auto duration = [](double seconds) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  };
  options.drain_deadline = duration(drain_seconds);
  options.probation = duration(probation_seconds);
  limits.hang_after = duration(hang_seconds);
  limits.max_age = duration(max_age);
  return std::nullopt;
}

}  // namespace brigade::cluster::detail
