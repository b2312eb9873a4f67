#include "cluster/control_server.hpp"

#include <sys/socket.h>
#include <unistd.h>
#include <brigade/log.hpp>

#include <algorithm>
#include <cerrno>

#include "cluster/control_json.hpp"
#include "cluster/control_place.hpp"

namespace brigade::cluster::detail {
namespace {

constexpr int accepted_per_turn = 8;  // so that those who came before are heard in between
constexpr Duration pause = std::chrono::milliseconds(100);

}  // namespace

ControlServer::ControlServer(int socket, const Value& hello, Handler handler, ControlLimits limits)
    : socket_(socket),
      hello_(encode_frame(to_json(hello))),
      handler_(std::move(handler)),
      limits_(limits),
      loop_(Loop::current()) {
  if (!loop_.watch(socket_, EPOLLIN, *this)) {
    throw ErrorException(Error::from_errno(errno, "watch the control socket"));
  }
}

ControlServer::~ControlServer() {
  loop_.disarm(*this);
  loop_.unwatch(socket_, *this);
}

void ControlServer::on_event(std::uint32_t) {
  for (int count = 0; count < accepted_per_turn; ++count) accept_one();
}

void ControlServer::on_timer() {
  loop_.rewatch(socket_, EPOLLIN, *this);
}

void ControlServer::accept_one() {
  Fd socket(::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) {
    // Out of descriptors or memory, with the client still waiting: not to be asked again at once.
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      loop_.rewatch(socket_, 0, *this);
      loop_.arm(*this, pause);
    }
    return;
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
      !may_control(peer.uid, ::geteuid())) {
    // Once a second at most: whoever may connect should not be able to fill the log.
    if (const TimePoint now = loop_.read_clock(); now - refusal_told_ >= std::chrono::seconds(1)) {
      refusal_told_ = now;
      log::warn("the control socket refused pid {} of user {}", peer.pid, peer.uid);
    }
    return;
  }
  if (!make_room()) return;
  const std::uint64_t id = next_id_++;
  try {
    clients_.emplace(id, std::make_unique<ControlConnection>(*this, id, std::move(socket), hello_));
  } catch (const ErrorException& error) {
    log::warn("{}", error.what());  // it sees the end of its connection, and can come again
  }
}

bool ControlServer::make_room() {
  const auto present = static_cast<std::size_t>(std::count_if(
      clients_.begin(), clients_.end(), [](const auto& each) { return !each.second->closed(); }));
  if (present < limits_.max_clients) return true;
  ControlConnection* oldest = nullptr;
  for (const auto& [id, client] : clients_) {
    if (client->busy() || client->closed()) continue;
    if (!oldest || client->idle_since() < oldest->idle_since()) oldest = client.get();
  }
  if (oldest) oldest->close();
  return oldest != nullptr;
}

void ControlServer::received(ControlConnection& client, const std::string& request) {
  handler_(client, request);
}

void ControlServer::forget(ControlConnection& client) {
  // Not from here: it is still on the stack.
  loop_.post([this, alive = std::weak_ptr(alive_), id = client.id()] {
    if (!alive.expired()) clients_.erase(id);
  });
}

ControlConnection* ControlServer::find(std::uint64_t id) {
  const auto found = clients_.find(id);
  return found == clients_.end() || found->second->closed() ? nullptr : found->second.get();
}

bool ControlServer::may_wait() const {
  const auto busy = static_cast<std::size_t>(std::count_if(
      clients_.begin(), clients_.end(),
      [](const auto& each) { return each.second->busy() && !each.second->closed(); }));
  return busy + 1 < limits_.max_clients;
}

bool ControlServer::has_streams() const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [](const auto& each) { return each.second->streams(); });
}

void ControlServer::send_event(const Value& event) {
  if (!has_streams()) return;
  const std::string frame = encode_frame(to_json(event));
  for (const auto& [id, client] : clients_) {
    if (client->streams()) client->send_event(frame);
  }
}

Value ControlServer::failure(std::string_view code, std::string_view text) {
  return Value::object({{"ok", false}, {"code", code}, {"error", text}});
}

}  // namespace brigade::cluster::detail
