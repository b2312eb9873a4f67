// The plain pieces, without cluster::run: a primary that prints every event, and workers that
// serve. SIGUSR1: disconnects the first worker. SIGUSR2: kills it. SIGALRM: tries to fork one more.
#include <fmt/format.h>
#include <unistd.h>
#include <brigade/cluster.hpp>
#include <brigade/http/server.hpp>
#include <brigade/signal.hpp>
#include <brigade/sleep.hpp>

#include <cstdio>
#include <cstdlib>
#include <string_view>

using namespace brigade;
using brigade::cluster::Worker;

namespace {

template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print(format, std::forward<Args>(args)...);
  std::printf("\n");
  std::fflush(stdout);
}

std::string_view how(const Worker& worker) {
  const auto voluntary = worker.exited_after_disconnect();
  return !voluntary ? "unknown" : *voluntary ? "voluntary" : "involuntary";
}

int run_primary(unsigned workers, bool restart) {
  Loop loop;
  cluster::Primary primary({.restart = restart});
  for (unsigned index = 0; index < workers; ++index)
    primary.fork({{"GIVEN", std::to_string(index)}});
  primary.on_fork([](Worker& worker) { say("fork {}: {}", worker.id(), how(worker)); });
  primary.on_online([](Worker& worker) { say("online {}", worker.id()); });
  primary.on_listening([](Worker& worker, const std::string& address) {
    say("listening {} http://{} pid {}", worker.id(), address, worker.pid());
  });
  primary.on_disconnect([](Worker& worker) { say("disconnect {}: {}", worker.id(), how(worker)); });
  primary.on_exit([&](Worker& worker, ExitStatus status) {
    say("exit {}: code {} signal {}, {}, {} left", worker.id(), status.code, status.signal,
        how(worker), primary.workers().size());
  });
  const SignalWatch disconnect(SIGUSR1, [&] { primary.workers().front()->disconnect(); });
  const SignalWatch kill(SIGUSR2, [&] { primary.workers().front()->kill(SIGKILL); });
  const SignalWatch more(SIGALRM, [&] { say("fork: {}", primary.fork() ? "done" : "refused"); });
  return primary.run();
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned workers = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1;
  const bool restart = argc < 3 || std::string_view(argv[2]) != "no-restart";
  if (cluster::is_primary()) return run_primary(workers, restart);
  http::Server server;
  server.get("/exit", [](http::Request& request) -> http::Response {
    ::_exit(request.query().number<int>("code").value());
  });
  server.get("/leave", [](http::Request&) {
    cluster::disconnect();
    return http::text("goodbye");
  });
  server.get("/given", [](http::Request&) {
    const char* given = std::getenv("GIVEN");
    return http::text(given ? given : "nothing");
  });
  server.get("/wait", [](http::Request&) -> Task<http::Response> {
    co_await sleep(std::chrono::hours(1));
    co_return http::text("at last");
  });
  server.listen({.host = "127.0.0.1", .port = 0});
  server.listen({.host = "127.0.0.1", .port = 0});
  return server.run();
}
