#include <cerrno>
#include <vector>

#include "message/port_core.hpp"
#include "message/transit.hpp"

namespace brigade::detail {
namespace {

// What a message carries that is not mere data.
struct Cargo {
  std::vector<PortCore*> ports;
  const char* fault = nullptr;
};

Cargo cargo_of(Value& message) {
  struct Visit {
    Cargo& cargo;
    void operator()(MessagePort& port) const {
      PortCore* core = PortCore::of(port);
      if (core && core->is_open()) {
        cargo.ports.push_back(core);
      } else {
        cargo.fault = "post_message: the message holds a port that is closed or was moved away";
      }
    }
    void operator()(Fd& descriptor) const {
      if (!descriptor) cargo.fault = "post_message: the message holds a descriptor that is closed";
    }
  };
  Cargo cargo;
  for_each_transferable(message, Visit{cargo});
  return cargo;
}

Result<void> put(Mailbox& destination, Value&& message, bool carries_ports = false,
                 const std::function<void()>* commit = nullptr) {
  Envelope envelope{.value = std::move(message), .carries_ports = carries_ports};
  const Mailbox::Put outcome = destination.put(std::move(envelope), commit);
  if (outcome == Mailbox::Put::done) return {};
  message = std::move(envelope.value);
  if (outcome == Mailbox::Put::full) return Error(EAGAIN, "post_message: the queue is full");
  return Error(EPIPE, "post_message: the channel is closed");
}

}  // namespace

Result<void> post_message(Mailbox& destination, const PortPair* own, Value&& message) {
  // The limits hold for a text or bytes by themselves as well; the rest weighs nothing.
  const bool whole = message.is_string() || message.is_bytes();
  if (!whole && !message.is_container() && !message.is_port() && !message.is_descriptor()) {
    return put(destination, std::move(message));
  }
  if (Result<void> good = check(message); !good) return Error(EINVAL, good.error().message());
  if (whole) return put(destination, std::move(message));
  const Cargo cargo = cargo_of(message);
  if (cargo.fault) return Error(EINVAL, cargo.fault);
  if (cargo.ports.empty()) return put(destination, std::move(message));

  std::vector<PortCore::Handlers> dropped;  // after the locks
  dropped.reserve(cargo.ports.size());
  const std::lock_guard lock(transit_lock());
  for (PortCore* port : cargo.ports) {
    if (port->pair().get() == own) {
      return Error(EINVAL, "post_message: a port cannot travel through its own channel");
    }
    if (would_hold_itself(port->inbox(), destination)) {
      return Error(EINVAL, "post_message: the port would end up in its own queue");
    }
  }
  const std::function<void()> commit = [&cargo, &destination, &dropped] {
    for (PortCore* port : cargo.ports) {
      dropped.push_back(port->detach());
      port->inbox().inside = &destination;
    }
  };
  return put(destination, std::move(message), true, &commit);
}

Result<void> detach_ports(Value& message) {
  if (Result<void> good = check(message); !good) return Error(EINVAL, good.error().message());
  const Cargo cargo = cargo_of(message);
  if (cargo.fault) return Error(EINVAL, cargo.fault);
  for (PortCore* port : cargo.ports) (void)port->detach();
  return {};
}

}  // namespace brigade::detail
