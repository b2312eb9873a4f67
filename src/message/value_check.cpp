#include <brigade/value.hpp>

#include <fmt/format.h>

#include "message/value_walk.hpp"

namespace brigade {
namespace value_detail {

std::string too_deep(const ValueLimits& limits) {
  return fmt::format("nested deeper than {} levels", limits.max_depth);
}
std::string too_many(const ValueLimits& limits) {
  return fmt::format("the message has more than {} values", limits.max_items);
}
std::string too_large(const ValueLimits& limits) {
  return fmt::format("the message is larger than {} bytes", limits.max_bytes);
}

void visit_transferables(Value& value, const TransferVisitor& visitor) {
  Walk<Value> walk(value);
  while (Value* at = walk.next()) {
    if (MessagePort* port = at->get_if<MessagePort>()) visitor.port(visitor.context, *port);
    if (Fd* descriptor = at->get_if<Fd>()) visitor.descriptor(visitor.context, *descriptor);
  }
}

}  // namespace value_detail

Result<void> check(const Value& value, const ValueLimits& limits) {
  using value_detail::at_path;
  value_detail::Walk<const Value> walk(value);
  std::size_t items = 0;
  std::size_t bytes = 0;
  while (const Value* at = walk.next()) {
    bytes += value_detail::weight(*at);
    if (const std::string* name = walk.name()) bytes += name->size();
    if (at->is_container() && walk.depth() >= limits.max_depth) {
      return Error(at_path(walk.path(), value_detail::too_deep(limits)));
    }
    if (++items > limits.max_items) {
      return Error(at_path(walk.path(), value_detail::too_many(limits)));
    }
    if (bytes > limits.max_bytes) {
      return Error(at_path(walk.path(), value_detail::too_large(limits)));
    }
  }
  return {};
}

std::size_t approximate_size(const Value& value) {
  value_detail::Walk<const Value> walk(value);
  std::size_t bytes = 0;
  while (const Value* at = walk.next()) {
    bytes += value_detail::weight(*at);
    if (const std::string* name = walk.name()) bytes += name->size();
  }
  return bytes;
}

}  // namespace brigade
