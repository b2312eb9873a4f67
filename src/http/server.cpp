#include <brigade/http/server.hpp>
#include <brigade/log.hpp>

#include "http/connection.hpp"
#include "http/server_core.hpp"

namespace brigade::http {

Server::Server(ServerOptions options)
    : core_(std::make_unique<detail::ServerCore>(std::move(options))) {}
Server::~Server() = default;

Server& Server::route(Method method, const std::string& pattern, Handler handler,
                      RouteOptions options) {
  core_->add_route(method, pattern, std::move(handler), options);
  return *this;
}

Server& Server::use(Middleware middleware) {
  core_->middleware.push_back(std::move(middleware));
  return *this;
}

Server& Server::on_error(ErrorHandler handler) {
  core_->on_error = std::move(handler);
  return *this;
}

Server& Server::sticky(StickyKey key) {
  core_->sticky = std::move(key);
  return *this;
}

Server& Server::listen(cluster::Place place, const ListenOptions& options) {
  core_->add_place(std::move(place), options);
  return *this;
}

Task<> Server::serve() {
  return core_->serve();
}

int Server::run() {
  std::unique_ptr<Loop> own;
  if (!Loop::try_current()) own = std::make_unique<Loop>();
  // Kept to the end, so that a worker's channel outlives its server.
  const auto process = cluster::detail::Process::join();
  try {
    Loop::current().run(serve(), "serve");
    return 0;
  } catch (const ErrorException& error) {
    if (process->has_listened()) throw;
    process->failed(error.what());
    if (!process->has_primary()) log::error("{}", error.what());
    return 1;
  }
}

std::vector<std::string> Server::addresses() const {
  std::vector<std::string> out;
  for (const auto& listener : core_->listeners_) out.push_back(listener->address());
  return out;
}

void Server::close() {
  core_->close();
}

}  // namespace brigade::http
