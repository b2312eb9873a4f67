#include "cluster/broadcasts.hpp"

#include <brigade/cbor.hpp>
#include <brigade/log.hpp>

#include <cerrno>

namespace brigade::cluster::detail {

Broadcasts& Broadcasts::instance() {
  static auto* const all = new Broadcasts;  // until the last moment of the process
  return *all;
}

void Broadcasts::set_handler(std::string name,
                             std::shared_ptr<brigade::detail::MessageHandler> handler) {
  handlers_[std::move(name)] = std::move(handler);
}

Result<void> Broadcasts::send(std::string_view name, Value&& message) {
  if (name.size() > max_name_bytes) return Error(EINVAL, "broadcast: the name is too long");
  bool travels_alone = false;
  for_each_transferable(message, [&](auto&) { travels_alone = true; });
  if (travels_alone) {
    return Error(EINVAL, "broadcast: a port or descriptor can arrive at one place only");
  }
  if (!route) return {};  // alone: nobody hears it
  Bytes bytes;
  auto descriptors = cbor::encode_to(bytes, std::move(message));
  if (!descriptors) {
    return Error(EINVAL, "the broadcast cannot be sent: " + descriptors.error().message());
  }
  return route->send(name, bytes, *descriptors);
}

void Broadcasts::received(std::string_view name, std::span<const std::byte> value,
                          std::vector<Fd> descriptors) {
  const auto found = handlers_.find(name);
  if (found == handlers_.end()) return;
  const auto handler = found->second;
  auto message = cbor::decode(value, std::move(descriptors));
  const std::string label = log::escape(name);
  if (!message) {
    log::error("a broadcast to \"{}\" cannot be read: {}", label, message.error().message());
    return;
  }
  try {
    if (const auto taken = handler->handle(std::move(*message)); !taken) {
      log::error("a broadcast to \"{}\" is not what its handler takes: {}", label,
                 log::escape(taken.error().message()));
    }
  } catch (const std::exception& error) {
    log::error("the handler of broadcasts to \"{}\" threw: {}", label, log::escape(error.what()));
  }
}

}  // namespace brigade::cluster::detail
