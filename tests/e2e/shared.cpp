// A server whose workers share memory. Each route answers with its result, or "error CODE: TEXT".
#include <brigade/app.hpp>
#include <brigade/atomics.hpp>
#include <brigade/cluster_shared.hpp>
#include <brigade/wait_async.hpp>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>

using namespace brigade;

namespace {

using Cells = Result<SharedArray<std::int32_t>>;

std::int64_t number(http::Request& request, const char* name, std::int64_t otherwise) {
  auto value = request.query().number<std::int64_t>(name);
  return value ? *value : otherwise;
}

std::string word(http::Request& request, const char* name) {
  const auto value = request.query().get(name);
  return value ? std::string(*value) : std::string();
}

std::string told(const Error& error) {
  return fmt::format("error {}: {}", error.code(), error.message());
}

/// `?name=hits&count=1`
Task<Cells> cells_of(http::Request& request) {
  return cluster::shared_array<std::int32_t>(
      word(request, "name"), static_cast<std::size_t>(number(request, "count", 1)),
      {.max_size = static_cast<std::size_t>(number(request, "max", 0))});
}

Task<http::Response> add(http::Request& request) {
  auto cells = co_await cells_of(request);
  if (!cells) co_return http::text(told(cells.error()));
  const int before = atomics::add((*cells)[0], 1);
  co_return http::text(fmt::format("{} from {}", before + 1, ::getpid()));
}

Task<http::Response> wait(http::Request& request) {
  auto cells = co_await cells_of(request);
  if (!cells) co_return http::text(told(cells.error()));
  const auto result = co_await atomics::wait_async((*cells)[0], 0);
  co_return http::text(fmt::format("{} in {}", atomics::to_string(result), ::getpid()));
}

Task<http::Response> notify(http::Request& request) {
  auto cells = co_await cells_of(request);
  if (!cells) co_return http::text(told(cells.error()));
  co_return http::text(fmt::format("{} by {}", atomics::notify((*cells)[0]), ::getpid()));
}

Task<http::Response> grow(http::Request& request) {
  auto cells = co_await cells_of(request);
  if (!cells) co_return http::text(told(cells.error()));
  SharedBuffer buffer = cells->buffer();
  const auto grown = buffer.grow(static_cast<std::size_t>(number(request, "to", 0)) * 4);
  if (!grown) co_return http::text(told(grown.error()));
  co_return http::text(fmt::format("{}", cells->size()));
}

/// From another thread of the worker, with a loop of its own.
http::Response on_thread(const std::string& name) {
  std::string out;
  std::thread([&] {
    Loop loop;
    const Cells cells = loop.run(cluster::shared_array<std::int32_t>(name, 1));
    out = cells ? "found" : told(cells.error());
  }).join();
  return http::text(out);
}

/// What a hostile worker might ask for: `?bytes=` of a request's body, or a name of that length.
http::Response bad_request(http::Request& request) {
  std::string body = request.query().get("name-bytes")
                         ? std::string()
                         : std::string(static_cast<std::size_t>(number(request, "bytes", 0)), 'x');
  if (const auto size = static_cast<std::uint32_t>(number(request, "name-bytes", 0)); size > 0) {
    body.append(reinterpret_cast<const char*>(&size), sizeof size);
    body.append(size, 'n');
    body.append(16, '\1');
  }
  std::string frame("1GRB\1\6\0\0\0\0\0\0", 12);
  const auto size = static_cast<std::uint32_t>(body.size());
  frame.append(reinterpret_cast<const char*>(&size), sizeof size);
  frame += body;
  for (int fd = 0; fd < 64; ++fd) {  // the only socket of that kind is the channel
    int type = 0;
    socklen_t length = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_SEQPACKET) {
      continue;
    }
    if (::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL) < 0) break;
    return http::text("sent");
  }
  throw std::runtime_error("the channel takes nothing");
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, {.description = "Shares memory."}, [](App& app) {
    app.get("/add", add);
    app.get("/wait", wait);
    app.get("/notify", notify);
    app.get("/grow", grow);
    app.get("/thread", [](http::Request& request) { return on_thread(word(request, "name")); });
    app.get("/bad", bad_request);
    app.listen(3000);
  });
}
