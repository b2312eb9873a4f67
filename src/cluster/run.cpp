#include <fmt/format.h>
#include <unistd.h>
#include <brigade/cluster.hpp>
#include <brigade/cluster_run.hpp>
#include <brigade/log.hpp>
#include <brigade/signal.hpp>
#include <brigade/system.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <set>

#include "cluster/ctl.hpp"
#include "cluster/options.hpp"
#include "cluster/orphan_guard.hpp"
#include "cluster/process.hpp"
#include "cluster/role.hpp"

namespace brigade::cluster {
namespace {

unsigned configured_workers = 1;

// A browser or curl can be pointed at it: an any-address becomes the loopback one.
std::string url_of(const std::string& address) {
  if (address.starts_with("unix:")) return address;
  const std::size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  const bool any = host == "[::]" || host == "0.0.0.0";
  return "http://" + (any ? "127.0.0.1" : host) + address.substr(colon);
}

void announce(const RunOptions& options, const Ready& ready) {
  std::string line = fmt::format("Listening on {}", ready.url);
  if (ready.workers.empty()) {
    line += fmt::format(" (pid {})", ready.primary);
  } else {
    line += fmt::format(" (primary {}, workers {})", ready.primary, fmt::join(ready.workers, " "));
  }
  std::printf("%s\n", line.c_str());
  if (options.on_ready) options.on_ready(ready);
  std::fflush(stdout);
}

int run_primary(const RunOptions& options, unsigned workers) {
  name_this_thread(fmt::format("{}: primary", ::program_invocation_short_name));
  PrimaryOptions settings;
  settings.max_workers = std::max(workers * 2 + 2, 32U);  // room to scale
  settings.drain_deadline = options.drain_deadline;
  settings.scheduling = options.scheduling;
  settings.control = options.control;
  settings.probation = options.probation;
  settings.surge = options.surge;
  settings.restarts = options.restarts;
  settings.limits = options.limits;
  settings.on_primary_death = options.on_primary_death;
  Primary primary(settings);
  std::set<std::uint32_t> listening;
  std::string first_address;
  bool announced = false;
  primary.on_listening([&](Worker& worker, const std::string& address) {
    if (first_address.empty()) first_address = address;
    listening.insert(worker.number());
    if (announced || listening.size() < workers) return;
    announced = true;
    Ready ready{url_of(first_address), ::getpid(), {}};
    for (Worker* each : primary.workers()) ready.workers.push_back(each->pid());
    announce(options, ready);
  });
  for (unsigned index = 0; index < workers; ++index) {
    if (!primary.fork()) return 1;
  }
  return primary.run();
}

// An exception came up to here: the start failed or, later, a loop did (Loop::fail).
int report_end(detail::Process& process, bool worker, const std::exception_ptr& error) {
  if (process.has_listened()) {
    brigade::detail::report_uncaught(error);
    return 1;
  }
  std::string text = "an exception that is not a std::exception";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    text = caught.what();
  } catch (...) {
    // It says no more.
  }
  process.failed(text);
  if (!worker) log::error("cannot start: {}", text);
  return 1;
}

int serve_here(const RunOptions& options, const Place& place,
               const std::function<int(const Place&)>& serve) {
  const bool worker = is_worker();
  if (worker)
    name_this_thread(fmt::format("{}: {}", ::program_invocation_short_name, worker_number()));
  if (options.pin) {
    const std::vector<int> cpus = allowed_cpus();
    const auto pinned = pin_this_thread(cpus[worker_number() % cpus.size()]);
    if (!pinned) log::warn("{}", pinned.error().message());
  }
  Loop loop;
  const auto process = detail::Process::join();
  process->own_deadline = options.drain_deadline;
  if (worker) detail::guard_orphan(options.drain_deadline);
  bool announced = false;
  std::unique_ptr<SignalWatch> hangup;
  if (!worker) {
    hangup = std::make_unique<SignalWatch>(SIGHUP, [] {
      log::warn(
          "SIGHUP is ignored: a single process cannot replace itself (with --workers 1 it can)");
    });
    process->on_listening = [&](const std::string& address) {
      if (!std::exchange(announced, true)) announce(options, {url_of(address), ::getpid(), {}});
    };
  }
  try {
    return serve(place);
  } catch (...) {
    return report_end(*process, worker, std::current_exception());
  }
}

}  // namespace

unsigned worker_number() {
  return detail::role().number;
}
unsigned worker_count() {
  return configured_workers;
}

int run(int argc, char** argv, RunOptions options, const std::function<int(const Place&)>& serve) {
  // Writes to a client that is gone are answered by EPIPE, also where a library does the writing.
  ::signal(SIGPIPE, SIG_IGN);
  if (argc > 1 && std::string_view(argv[1]) == "ctl" && is_primary()) {
    return detail::run_ctl(argc, argv, detail::app_name(options));
  }
  if (const auto exit_code = detail::read_options(argc, argv, options)) return *exit_code;
  const unsigned workers = options.workers.value_or(available_parallelism());
  configured_workers = std::max(workers, 1U);
  if (workers > 0 && is_primary()) return run_primary(options, workers);
  return serve_here(options,
                    {.host = options.host,
                     .port = options.port,
                     .port_given = options.port_given,
                     .host_given = options.host_given,
                     .path = options.socket,
                     .path_given = options.socket_given},
                    serve);
}

}  // namespace brigade::cluster
