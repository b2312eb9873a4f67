#include "cluster/rejoin.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <brigade/log.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "cluster/received_descriptors.hpp"
#include "cluster/wire.hpp"

namespace brigade::cluster::detail {
namespace {

constexpr std::uint32_t magic = 0x42524831;  // "BRH1"
constexpr std::size_t most_descriptors = most_belongings + 2;
constexpr std::size_t longest = std::size_t{128} << 10;

union Control {
  std::array<char, CMSG_SPACE(sizeof(int) * most_descriptors)> bytes;
  cmsghdr align;
};

pid_t maker_of(const Fd& socket) {
  ucred who{};
  socklen_t size = sizeof who;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 ? who.pid : -1;
}

std::optional<ReceivedHello> understand(std::string_view text, std::vector<Fd> fds) {
  auto hello = Hello::decode(text);
  if (!hello || fds.size() != 2 + hello->sockets.size() + hello->buffers.size())
    return std::nullopt;
  auto next = fds.begin();
  hello->channel = std::move(*next++);
  hello->life = std::move(*next++);
  for (auto& socket : hello->sockets) socket.fd = std::move(*next++);
  for (auto& buffer : hello->buffers) buffer.fd = std::move(*next++);
  const pid_t pid = maker_of(hello->channel);
  return ReceivedHello{std::move(*hello), pid};
}

}  // namespace

std::string Hello::encode() const {
  Writer out;
  out.number(magic).number(id).number(number).number(slot);
  out.number(static_cast<std::uint8_t>(goodbye));
  out.number(static_cast<std::uint32_t>(listening.size()));
  for (const std::string& address : listening) out.text(address);
  out.number(static_cast<std::uint32_t>(sockets.size()));
  for (const Socket& each : sockets)
    out.text(each.wanted.encode()).text(each.address).number(each.board);
  out.number(static_cast<std::uint32_t>(buffers.size()));
  for (const Buffer& each : buffers) out.text(each.wanted.encode());
  return out.take();
}

std::optional<Hello> Hello::decode(std::string_view text) {
  Hello out;
  Reader in(text);
  std::uint32_t found = 0;
  std::uint32_t count = 0;
  std::uint8_t goodbye = 0;
  if (!in.number(found) || found != magic || !in.number(out.id) || !in.number(out.number) ||
      !in.number(out.slot) || !in.number(goodbye) || !in.number(count)) {
    return std::nullopt;
  }
  out.goodbye = goodbye != 0;
  for (std::string address; count > 0; --count) {
    if (!in.text(address)) return std::nullopt;
    out.listening.push_back(address);
  }
  if (!in.number(count)) return std::nullopt;
  for (std::string wanted; count > 0; --count) {
    Socket socket;
    if (!in.text(wanted) || !in.text(socket.address) || !in.number(socket.board))
      return std::nullopt;
    auto decoded = Listen::decode(wanted);
    if (!decoded) return std::nullopt;
    socket.wanted = std::move(*decoded);
    out.sockets.push_back(std::move(socket));
  }
  if (!in.number(count)) return std::nullopt;
  for (std::string wanted; count > 0; --count) {
    if (!in.text(wanted)) return std::nullopt;
    auto decoded = Share::decode(wanted);
    if (!decoded) return std::nullopt;
    out.buffers.push_back({std::move(*decoded), Fd()});
  }
  if (!in.at_end()) return std::nullopt;
  return out;
}

Result<void> send_hello(const Fd& rejoin, const Hello& hello) {
  std::string text = hello.encode();
  std::vector<int> fds = {hello.channel.get(), hello.life.get()};
  for (const auto& each : hello.sockets) fds.push_back(each.fd.get());
  for (const auto& each : hello.buffers) fds.push_back(each.fd.get());
  if (fds.size() > most_descriptors) return Error(E2BIG, "too many descriptors for one packet");
  Control control{};
  iovec part{text.data(), text.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
  std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
  if (::sendmsg(rejoin.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    return Error::from_errno(errno, "send to the next primary");
  return {};
}

std::optional<ReceivedHello> receive_hello(const Fd& rejoin) {
  std::string buffer(longest, '\0');
  while (true) {
    Control control;
    iovec part{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    const ssize_t got = ::recvmsg(rejoin.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    std::vector<Fd> fds = received_descriptors(header);
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) {
      auto out = understand(std::string_view(buffer.data(), static_cast<std::size_t>(got)),
                            std::move(fds));
      if (out) return out;
    }
    log::error(
        "a worker offered itself in a way that makes no sense, or the primary is out of "
        "descriptors (ulimit -n): it has to offer itself again");
  }
}

}  // namespace brigade::cluster::detail
