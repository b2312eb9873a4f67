#include "cluster/options.hpp"

#include "cluster/listen_socket.hpp"

#include <brigade/system.hpp>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

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

}  // namespace

std::optional<int> read_options(int argc, char** argv, RunOptions& options) {
  CLI::App parser(options.description);
  std::string workers;
  std::string scheduling;
  double drain_seconds = std::chrono::duration<double>(options.drain_deadline).count();
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
  try {
    parser.parse(argc, argv);
    if (!workers.empty()) options.workers = workers_from(workers);
    if (!scheduling.empty()) options.scheduling = scheduling_of(scheduling);
    if (!is_listen_host(options.host)) {
      throw CLI::ValidationError(
          "--host", "must be a numeric address or localhost, not \"" + options.host + "\"");
    }
    options.port_given = parser.count("--port") > 0;
    options.socket_given = parser.count("--socket") > 0;
    options.host_given = parser.count("--host") > 0;
  } catch (const CLI::ParseError& error) {
    const int code = parser.exit(error);
    return code == 0 ? 0 : 2;
  }
  options.drain_deadline =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(drain_seconds));
  return std::nullopt;
}

}  // namespace brigade::cluster::detail
