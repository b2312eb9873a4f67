#include "cluster/message.hpp"

#include <cstring>

#include "cluster/wire.hpp"

namespace brigade::cluster::detail {
namespace {

// Both ends run on one machine, so numbers go in its own byte order.
struct FrameHeader {
  std::uint32_t magic;
  std::uint8_t version;
  std::uint8_t type;
  std::uint16_t reserved;
  std::uint32_t sequence;
  std::uint32_t body_size;
};
constexpr std::uint32_t frame_magic = 0x42524731;  // "BRG1"
constexpr std::uint8_t frame_version = 1;

bool known(std::uint8_t type) {
  return (type >= static_cast<std::uint8_t>(MessageType::online) &&
          type <= static_cast<std::uint8_t>(MessageType::busy)) ||
         type == static_cast<std::uint8_t>(MessageType::pass_part) ||
         type == static_cast<std::uint8_t>(MessageType::pass_on) ||
         (type >= static_cast<std::uint8_t>(MessageType::listen_reply) &&
          type <= static_cast<std::uint8_t>(MessageType::welcome));
}

}  // namespace

std::string encode(const Message& message) {
  const std::string_view body =
      std::string_view(message.body).substr(0, max_frame - sizeof(FrameHeader));
  const FrameHeader header{frame_magic, frame_version,    static_cast<std::uint8_t>(message.type),
                           0,           message.sequence, static_cast<std::uint32_t>(body.size())};
  std::string out(reinterpret_cast<const char*>(&header), sizeof header);
  out.append(body);
  return out;
}

std::optional<Message> decode(std::string_view frame) {
  FrameHeader header;
  if (frame.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, frame.data(), sizeof header);
  if (header.magic != frame_magic || header.version != frame_version || !known(header.type) ||
      header.body_size != frame.size() - sizeof header) {
    return std::nullopt;
  }
  return Message{static_cast<MessageType>(header.type), header.sequence,
                 std::string(frame.substr(sizeof header)), Fd()};
}

std::string Listen::encode() const {
  return Writer()
      .text(host)
      .number(port)
      .number(ordinal)
      .number(backlog)
      .number(static_cast<std::uint8_t>(kind))
      .number(mode)
      .number(static_cast<std::uint8_t>(ipv6_only))
      .number(static_cast<std::uint8_t>(exclusive))
      .number(static_cast<std::uint8_t>(has_board))
      .take();
}
std::optional<Listen> Listen::decode(std::string_view body) {
  Listen out;
  std::uint8_t kind = 0, ipv6_only = 0, exclusive = 0, has_board = 0;
  Reader in(body);
  if (!in.text(out.host) || !in.number(out.port) || !in.number(out.ordinal) ||
      !in.number(out.backlog) || !in.number(kind) || !in.number(out.mode) ||
      !in.number(ipv6_only) || !in.number(exclusive) || !in.number(has_board) || !in.at_end() ||
      kind > static_cast<std::uint8_t>(ListenKind::udp)) {
    return std::nullopt;
  }
  out.kind = static_cast<ListenKind>(kind);
  out.ipv6_only = ipv6_only != 0;
  out.exclusive = exclusive != 0;
  out.has_board = has_board != 0;
  return out;
}
std::string Listen::key() const {
  if (kind == ListenKind::unix_stream) return "unix:" + host;
  std::string out = (kind == ListenKind::udp ? "udp:" : "") + host + ":" + std::to_string(port);
  if (port == 0) out += "#" + std::to_string(ordinal);
  return out;
}

std::string ListenReply::encode() const {
  return Writer()
      .number(error)
      .text(text)
      .number(board)
      .number(static_cast<std::uint8_t>(scheduling))
      .take();
}
std::optional<ListenReply> ListenReply::decode(std::string_view body) {
  ListenReply out;
  std::uint8_t scheduling = 0;
  Reader in(body);
  if (!in.number(out.error) || !in.text(out.text) || !in.number(out.board) ||
      !in.number(scheduling) || !in.at_end() ||
      scheduling > static_cast<std::uint8_t>(Scheduling::reuse_port)) {
    return std::nullopt;
  }
  out.scheduling = static_cast<Scheduling>(scheduling);
  return out;
}

std::string Unlisten::encode() const {
  return Writer().text(key).number(static_cast<std::uint8_t>(for_good)).take();
}
std::optional<Unlisten> Unlisten::decode(std::string_view body) {
  Unlisten out;
  std::uint8_t for_good = 0;
  Reader in(body);
  if (!in.text(out.key) || !in.number(for_good) || !in.at_end()) return std::nullopt;
  out.for_good = for_good != 0;
  return out;
}

std::string Passed::encode() const {
  return Writer().number(board).take();
}
std::optional<Passed> Passed::decode(std::string_view body) {
  Passed out;
  Reader in(body);
  if (!in.number(out.board) || !in.at_end()) return std::nullopt;
  return out;
}

std::string PassedReply::encode() const {
  return Writer().number(board).number(static_cast<std::uint8_t>(taken)).take();
}
std::optional<PassedReply> PassedReply::decode(std::string_view body) {
  PassedReply out;
  std::uint8_t taken = 0;
  Reader in(body);
  if (!in.number(out.board) || !in.number(taken) || !in.at_end()) return std::nullopt;
  out.taken = taken != 0;
  return out;
}

std::string PassOn::encode() const {
  return Writer().text(server).number(key).number(position).take();
}
std::optional<PassOn> PassOn::decode(std::string_view body) {
  PassOn out;
  Reader in(body);
  if (!in.text(out.server) || !in.number(out.key) || !in.number(out.position) || !in.at_end()) {
    return std::nullopt;
  }
  return out;
}

std::string StandIn::encode() const {
  return Writer().number(board).number(position).take();
}
std::optional<StandIn> StandIn::decode(std::string_view body) {
  StandIn out;
  Reader in(body);
  if (!in.number(out.board) || !in.number(out.position) || !in.at_end()) return std::nullopt;
  return out;
}

std::string Drain::encode() const {
  return Writer().number(quiet_ms).number(deadline_ms).take();
}
std::optional<Drain> Drain::decode(std::string_view body) {
  Drain out;
  Reader in(body);
  if (!in.number(out.quiet_ms) || !in.number(out.deadline_ms) || !in.at_end()) return std::nullopt;
  return out;
}

std::string Share::encode() const {
  Writer out;
  out.text(name).number(size).number(max_size);
  if (producers != 0) out.number(producers).number(checksum);
  return out.take();
}
std::optional<Share> Share::decode(std::string_view body) {
  Share out;
  Reader in(body);
  if (!in.text(out.name) || !in.number(out.size) || !in.number(out.max_size)) return std::nullopt;
  if (in.at_end()) return out;
  if (!in.number(out.producers) || !in.number(out.checksum) || !in.at_end() || out.producers == 0) {
    return std::nullopt;
  }
  return out;
}

std::string ShareReply::encode() const {
  return Writer().number(error).text(text).take();
}
std::optional<ShareReply> ShareReply::decode(std::string_view body) {
  ShareReply out;
  Reader in(body);
  if (!in.number(out.error) || !in.text(out.text) || !in.at_end()) return std::nullopt;
  return out;
}

std::string Introduce::encode() const {
  return Writer().number(id).number(number).take();
}
std::optional<Introduce> Introduce::decode(std::string_view body) {
  Introduce out;
  Reader in(body);
  if (!in.number(out.id) || !in.number(out.number) || !in.at_end()) return std::nullopt;
  return out;
}

std::string IntroduceReply::encode() const {
  return Writer().number(error).text(text).number(id).number(number).take();
}
std::optional<IntroduceReply> IntroduceReply::decode(std::string_view body) {
  IntroduceReply out;
  Reader in(body);
  if (!in.number(out.error) || !in.text(out.text) || !in.number(out.id) || !in.number(out.number) ||
      !in.at_end()) {
    return std::nullopt;
  }
  return out;
}

std::string Introduced::encode() const {
  return Writer().number(id).number(number).take();
}
std::optional<Introduced> Introduced::decode(std::string_view body) {
  Introduced out;
  Reader in(body);
  if (!in.number(out.id) || !in.number(out.number) || !in.at_end()) return std::nullopt;
  return out;
}

}  // namespace brigade::cluster::detail
