#include <brigade/shared_ring.hpp>

#include <algorithm>
#include <utility>

#include "shared/shared_ring_lock.hpp"
#include "shared/shared_ring_memory.hpp"
#include "shared/shared_ring_reader.hpp"
#include "shared/shared_ring_writer.hpp"

namespace brigade {

std::string_view to_string(RingStatus status) {
  switch (status) {
    case RingStatus::ok:
      return "ok";
    case RingStatus::full:
      return "full";
    case RingStatus::empty:
      return "empty";
    case RingStatus::too_large:
      return "too large";
    case RingStatus::closed:
      return "closed";
    case RingStatus::corrupt:
      return "corrupt";
  }
  return "unknown";
}

RingProducer::RingProducer(std::unique_ptr<detail::RingWriter> writer)
    : writer_(std::move(writer)) {}
RingProducer::RingProducer(RingProducer&& other) noexcept = default;
RingProducer& RingProducer::operator=(RingProducer&& other) noexcept = default;
RingProducer::~RingProducer() = default;

RingStatus RingProducer::try_push(std::span<const std::byte> message) {
  return writer_->push_some({&message, 1}).status;
}
RingStatus RingProducer::push(std::span<const std::byte> message, Duration timeout) {
  return writer_->push_all({&message, 1}, timeout).status;
}
RingCount RingProducer::try_push_all(std::span<const std::span<const std::byte>> messages) {
  return writer_->push_now(messages);
}
RingCount RingProducer::push_all(std::span<const std::span<const std::byte>> messages,
                                 Duration timeout) {
  return writer_->push_all(messages, timeout);
}
std::size_t RingProducer::max_message() const {
  return writer_->memory().max_message();
}

RingConsumer::RingConsumer(std::unique_ptr<detail::RingReader> reader)
    : reader_(std::move(reader)) {}
RingConsumer::RingConsumer(RingConsumer&& other) noexcept = default;
RingConsumer& RingConsumer::operator=(RingConsumer&& other) noexcept = default;
RingConsumer::~RingConsumer() = default;

RingStatus RingConsumer::try_pop(std::vector<std::byte>& message) {
  return reader_->try_pop(message);
}
RingStatus RingConsumer::pop(std::vector<std::byte>& message, Duration timeout) {
  return reader_->pop(message, timeout);
}
RingStatus RingConsumer::wait(Duration timeout) {
  return reader_->wait(timeout);
}
RingCount RingConsumer::read_each(void* context, Visit visit, std::size_t max) {
  return reader_->read(context, visit, max);
}

SharedRing::SharedRing(std::shared_ptr<detail::RingMemory> memory) : memory_(std::move(memory)) {}
SharedRing::SharedRing(SharedRing&& other) noexcept = default;
SharedRing& SharedRing::operator=(SharedRing&& other) noexcept = default;
SharedRing::~SharedRing() = default;

Result<SharedRing> SharedRing::create(SharedRingOptions options) {
  auto memory = detail::RingMemory::create(options);
  if (!memory) return memory.error();
  return SharedRing(std::move(*memory));
}

Result<SharedRing> SharedRing::attach(Fd fd) {
  auto memory = detail::RingMemory::attach(std::move(fd));
  if (!memory) return memory.error();
  return SharedRing(std::move(*memory));
}

Result<RingProducer> SharedRing::producer() {
  auto writer = detail::RingWriter::create(memory_);
  if (!writer) return writer.error();
  return RingProducer(std::move(*writer));
}

Result<RingConsumer> SharedRing::consumer() {
  auto reader = detail::RingReader::create(memory_);
  if (!reader) return reader.error();
  return RingConsumer(std::move(*reader));
}

void SharedRing::close() {
  memory_->close(detail::RingState::closed);
}

std::size_t SharedRing::capacity() const {
  return memory_->capacity();
}
std::size_t SharedRing::max_message() const {
  return memory_->max_message();
}
std::size_t SharedRing::used() const {
  auto& header = memory_->header();
  // In this order the head is never ahead of the tail.
  const std::uint64_t head = header.head.load(std::memory_order_acquire);
  const std::uint64_t tail = header.tail.load(std::memory_order_acquire);
  return std::min<std::uint64_t>(tail - head, memory_->capacity());
}
std::uint64_t SharedRing::abandoned() const {
  return memory_->header().abandoned.get();
}
unsigned SharedRing::producers() const {
  unsigned alive = 0;
  for (unsigned slot = 0; slot < memory_->slots(); ++slot) {
    if (detail::is_byte_locked(memory_->fd(), detail::slot_byte(slot))) ++alive;
  }
  return alive;
}
bool SharedRing::has_consumer() const {
  return detail::is_byte_locked(memory_->fd(), detail::consumer_byte());
}
const Fd& SharedRing::fd() const {
  return memory_->fd();
}

}  // namespace brigade
