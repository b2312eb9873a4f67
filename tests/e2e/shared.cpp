// A server whose workers share memory. Each route answers with its result, or "error CODE: TEXT".
#include <brigade/app.hpp>
#include <brigade/atomics.hpp>
#include <brigade/cluster_shared.hpp>
#include <brigade/shared_ring.hpp>
#include <brigade/wait_async.hpp>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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

/// `?name=mail&capacity=4096`
Task<Result<SharedRing>> ring_of(http::Request& request) {
  return cluster::shared_ring(
      word(request, "name"),
      {.capacity = static_cast<std::size_t>(number(request, "capacity", 1 << 16)), .producers = 4});
}

/// Messages are numbers that count up from 0, and some padding, so that a torn one shows.
std::string numbered(std::uint32_t value) {
  return fmt::format("{} {}", value, std::string(value % 500, static_cast<char>('a' + value % 26)));
}

/// Pushes `?count=` of them, with the same producer in each request.
Task<http::Response> push(http::Request& request) {
  static std::map<std::string, std::pair<RingProducer, std::uint32_t>> producers;
  const std::string name = word(request, "name");
  if (!producers.contains(name)) {
    auto ring = co_await ring_of(request);
    if (!ring) co_return http::text(told(ring.error()));
    auto made = ring->producer();
    if (!made) co_return http::text(told(made.error()));
    producers.emplace(name, std::pair(std::move(*made), 0U));
  }
  auto& [producer, next] = producers.at(name);
  for (auto left = number(request, "count", 1); left > 0; --left, ++next) {
    const std::string text = numbered(next);
    const RingStatus status = producer.try_push(std::as_bytes(std::span(text)));
    if (status != RingStatus::ok) co_return http::text(std::string(to_string(status)));
  }
  co_return http::text(fmt::format("{} from {}", next, ::getpid()));
}

/// Pushes on a thread, until the process ends.
Task<http::Response> flood(http::Request& request) {
  auto ring = co_await ring_of(request);
  if (!ring) co_return http::text(told(ring.error()));
  std::thread([producer = ring->producer().value()]() mutable {
    for (std::uint32_t next = 0;; ++next) {
      const std::string text = numbered(next);
      if (producer.push(std::as_bytes(std::span(text))) != RingStatus::ok) return;
    }
  }).detach();
  co_return http::text(fmt::format("flood from {}", ::getpid()));
}

/// Takes what is there, at most `?max=`, with a consumer that the worker keeps.
Task<http::Response> take(http::Request& request) {
  static std::map<std::string, RingConsumer> consumers;
  const std::string name = word(request, "name");
  if (!consumers.contains(name)) {
    auto ring = co_await ring_of(request);
    if (!ring) co_return http::text(told(ring.error()));
    auto made = ring->consumer();
    if (!made) co_return http::text(told(made.error()));
    consumers.emplace(name, std::move(*made));
  }
  int count = 0;
  std::int64_t last = -1;
  std::vector<std::byte> message;
  while (count < number(request, "max", 1'000'000) &&
         consumers.at(name).pop(message, std::chrono::milliseconds(5)) == RingStatus::ok) {
    const std::string text(reinterpret_cast<const char*>(message.data()), message.size());
    const auto value = static_cast<std::uint32_t>(std::stoul(text));
    if (text != numbered(value)) co_return http::text("torn");
    if (last >= 0 && value != last + 1) co_return http::text("out of order");
    last = value;
    ++count;
  }
  co_return http::text(fmt::format("{} up to {} by {}", count, last, ::getpid()));
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
    app.get("/push", push);
    app.get("/flood", flood);
    app.get("/take", take);
    app.get("/bad", bad_request);
    app.listen(3000);
  });
}
