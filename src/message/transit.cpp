#include "message/transit.hpp"

#include "message/port_core.hpp"

namespace brigade::detail {

std::mutex& transit_lock() {
  static std::mutex lock;
  return lock;
}

bool would_hold_itself(const Mailbox& mailbox, const Mailbox& destination) {
  for (const Mailbox* box = &destination; box; box = box->inside) {
    if (box == &mailbox) return true;
  }
  return false;
}

void ports_arrived(Value& value) {
  struct Visit {
    void operator()(MessagePort& port) const { PortCore::of(port)->inbox().inside = nullptr; }
    void operator()(Fd&) const {}
  };
  const std::lock_guard lock(transit_lock());
  for_each_transferable(value, Visit());
}

}  // namespace brigade::detail
