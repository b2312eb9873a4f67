// Workers that listen where the arguments say: listening WORKERS PLACE..., a place being words with
// commas between them: port=N, path=P, mode=OCTAL, udp, backlog=N, own-backlog (of each worker),
// exclusive. On 127.0.0.1, all of them. In a worker SIGUSR1 closes the first place, SIGUSR2 listens
// there again. A place of any port keeps it alive.
#include <fmt/format.h>
#include <unistd.h>
#include <brigade/cluster.hpp>
#include <brigade/http/server.hpp>
#include <brigade/signal.hpp>
#include <brigade/task_group.hpp>
#include <brigade/udp_socket.hpp>

#include <cstdio>
#include <cstdlib>
#include <sstream>

using namespace brigade;

namespace {

template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print(format, std::forward<Args>(args)...);
  std::printf("\n");
  std::fflush(stdout);
}

struct Spot {
  cluster::Place place = {.host = "127.0.0.1"};
  http::ServerOptions options;
  bool udp = false;
  std::unique_ptr<http::Server> server;
};

Spot spot_of(const std::string& words) {
  Spot out;
  std::istringstream in(words);
  for (std::string word; std::getline(in, word, ',');) {
    const std::string value = word.substr(word.find('=') + 1);
    if (word.starts_with("port=")) out.place.port = static_cast<std::uint16_t>(std::stoi(value));
    if (word.starts_with("path=")) out.place.path = value;
    if (word.starts_with("mode="))
      out.place.mode = static_cast<unsigned>(std::stoul(value, nullptr, 8));
    if (word.starts_with("backlog=")) out.options.backlog = std::stoi(value);
    if (word == "own-backlog")
      out.options.backlog = 100 + static_cast<int>(cluster::worker_number());
    if (word == "udp") out.udp = true;
    if (word == "exclusive") out.place.exclusive = true;
  }
  return out;
}

Task<> echo(cluster::Place place) {
  auto socket = co_await UdpSocket::bind(place);
  if (!socket) {
    say("failed {}: {} {}", cluster::worker_number(), socket.error().code(),
        socket.error().message());
    co_return;
  }
  say("udp {} {}", cluster::worker_number(), socket->address());
  while (true) {
    auto datagram = co_await socket->receive();
    if (!datagram) break;
    static_cast<void>(socket->send(fmt::format("pid {}", ::getpid()), datagram->from));
  }
  say("udp ended {}", cluster::worker_number());
}

Task<> serve(Spot& spot) {
  if (spot.udp) {
    co_await echo(spot.place);
    co_return;
  }
  spot.server = std::make_unique<http::Server>(spot.options);
  spot.server->get("/",
                   [](http::Request&) { return http::text(fmt::format("pid {}", ::getpid())); });
  spot.server->listen(spot.place);
  try {
    co_await spot.server->serve();
    say("closed {}", cluster::worker_number());
  } catch (const ErrorException& failed) {
    say("failed {}: {} {}", cluster::worker_number(), failed.error().code(), failed.what());
  }
}

// SCHEDULING names another than the default. SIGUSR1 gives up the last position.
int run_primary(int workers) {
  Loop loop;
  cluster::PrimaryOptions options;
  const char* name = std::getenv("SCHEDULING");
  if (name) options.scheduling = cluster::scheduling_from(name).value();
  cluster::Primary primary(options);
  primary.on_listening([](cluster::Worker& worker, const std::string& address) {
    say("listening {} {} pid {}", worker.number(), address, worker.pid());
  });
  primary.on_exit([](cluster::Worker& worker, ExitStatus) {
    if (worker.exited_after_disconnect() == true) say("gave up {}", worker.number());
  });
  const SignalWatch give_up(SIGUSR1, [&] { primary.workers().back()->disconnect(); });
  for (int count = 0; count < workers; ++count) primary.fork();
  return primary.run();
}

Task<int> work(std::vector<Spot>& spots) {
  TaskGroup group;
  for (Spot& spot : spots) group.spawn(serve(spot), "place");
  const SignalWatch close(SIGUSR1, [&] { spots[0].server->close(); });
  const SignalWatch open(SIGUSR2, [&] { group.spawn(serve(spots[0]), "place"); });
  http::Server alive;
  alive.get("/", [](http::Request&) { return http::text(fmt::format("pid {}", ::getpid())); });
  alive.listen({.host = "127.0.0.1", .port = 0});
  co_await alive.serve();
  co_await group.join();
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (cluster::is_primary()) return run_primary(std::atoi(argv[1]));
  std::vector<Spot> spots;
  for (int index = 2; index < argc; ++index) spots.push_back(spot_of(argv[index]));
  return run_main([&] { return work(spots); });
}
