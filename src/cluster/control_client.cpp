#include "cluster/control_client.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cluster/control_commands.hpp"
#include "cluster/control_json.hpp"
#include "cluster/control_place.hpp"

namespace brigade::cluster::detail {
namespace {

constexpr int patience_ms = 5000;

std::string text_in(const Value& value, std::string_view name) {
  const Value* const field = value.find(name);
  const std::string* const text = field ? field->get_if<std::string>() : nullptr;
  return text ? *text : std::string();
}

}  // namespace

Result<ControlClient> ControlClient::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error(ENAMETOOLONG, path + " is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno(errno, "socket");
  // Connecting waits while the queue is full: of a primary that is stopped.
  const timeval patience{.tv_sec = patience_ms / 1000, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error::from_errno(errno == EAGAIN ? ETIMEDOUT : errno, path);
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
      (peer.uid != ::geteuid() && ::geteuid() != 0)) {
    return Error(EPERM, fmt::format("{} is the socket of user {}", path, peer.uid));
  }
  ControlClient out(std::move(socket));
  auto hello = out.receive(false);
  if (!hello) return hello.error();
  if (!*hello) {
    return Error(ECONNRESET, fmt::format("{}: pid {} hung up: it has too many clients, or stops",
                                         path, peer.pid));
  }
  const Value* const version = (*hello)->find("version");
  const auto* const number = version ? version->get_if<std::int64_t>() : nullptr;
  if (text_in(**hello, "brigade") != "control" || !number) {
    return Error(EPROTO, path + " is no control socket");
  }
  if (*number != control_version) {
    return Error(EPROTO, fmt::format("pid {} speaks version {}, this program version {}: use the "
                                     "program that was started",
                                     peer.pid, *number, control_version));
  }
  out.app_ = control_name_from(text_in(**hello, "app"));
  out.pid_ = peer.pid;
  return out;
}

Result<void> ControlClient::send(const Value& request) {
  const std::string frame = encode_frame(to_json(request));
  std::string_view left = frame;
  while (!left.empty()) {
    const ssize_t sent = ::send(socket_.get(), left.data(), left.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return Error::from_errno(errno, "control socket");
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::optional<Value>> ControlClient::receive(bool patient) {
  while (true) {
    if (auto text = decoder_.next()) {
      auto value = parse_json(*text);
      if (!value) return Error(EPROTO, "the answer makes no sense: " + value.error().message());
      return std::optional(std::move(*value));
    }
    if (decoder_.failed()) return Error(EPROTO, "the answer makes no sense");
    pollfd source{socket_.get(), POLLIN, 0};
    const int ready = ::poll(&source, 1, patient ? -1 : patience_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      return Error(ETIMEDOUT, fmt::format("pid {} does not answer: it is stopped, or stuck", pid_));
    }
    std::array<char, 16 << 10> buffer;
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ECONNRESET) return Error::from_errno(errno, "control socket");
    if (got <= 0) return std::optional<Value>();
    decoder_.feed({buffer.data(), static_cast<std::size_t>(got)});
  }
}

std::vector<ControlInstance> list_controls(const std::string& name) {
  constexpr std::string_view ending = ".sock";
  std::vector<ControlInstance> out;
  for (const std::string& directory : control_directories()) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
      std::string file = entry.path().filename();
      if (!file.ends_with(ending)) continue;
      file.resize(file.size() - ending.size());
      if (!name.empty() && file != name && !is_instance_of(file, name)) continue;
      auto client = ControlClient::connect(entry.path());
      // One that does not answer is there; any other failure: nobody is.
      if (!client && client.error().code() != ETIMEDOUT) continue;
      out.push_back({file, entry.path(), client ? client->pid() : 0});
    }
  }
  std::sort(out.begin(), out.end(),
            [](const auto& left, const auto& right) { return left.name < right.name; });
  return out;
}

}  // namespace brigade::cluster::detail
