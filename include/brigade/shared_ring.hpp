// Messages from processes, or threads, to one reader, through shared memory: no system call while
// both sides are busy.
//
//     auto ring = SharedRing::create({.capacity = 1 << 20, .producers = 4}).value();
//     auto consumer = ring.consumer().value();                      // here
//     auto theirs = SharedRing::attach(std::move(fd)).value();      // in another process
//     auto producer = theirs.producer().value();
//     producer.push(bytes);
//     consumer.read([](std::span<const std::byte> message) { … });
//
// A message is any number of bytes, from none to `max_message()`. The ring is bounded: when it is
// full the producer is told so, or waits. Messages of all producers come out in one order, which
// agrees with every order that the program can know: what was pushed before another push began
// comes out before it.
//
// Any process may be killed at any instruction. A message is delivered whole or not at all; what a
// producer had not finished when it died is skipped, and the others go on. A producer that is only
// stopped in the middle of a push (SIGSTOP, a debugger) holds up the messages behind its own until
// it goes on or dies.
//
// A producer or consumer belongs to the process that made it, and lives until it is destroyed or
// the process ends. After a fork without an exec the child must leave both alone, and while it
// lives, they count as alive.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>
#include <brigade/time.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace brigade {

struct SharedRingOptions {
  // Behaviour.
  /// Bytes for messages that were pushed and not yet read, 8 more for each, each rounded up to 8.
  /// Rounded up to a power of two and a page; at most 1 GiB. Costs memory as it is used.
  std::size_t capacity = std::size_t{1} << 20;
  /// How many producers there is room for at a time, 1 to 64. With 1 a push is cheaper, as nobody
  /// else has to be agreed with, and a second producer is refused.
  unsigned producers = 1;
  /// Each message carries a checksum, and one that does not agree closes the ring as corrupt. For
  /// memory that a stray write may hit; without it only damage to the ring's own words is found.
  /// About 0.3 ns a byte on either side.
  bool checksum = false;
  /// Shows in /proc/PID/maps as "memfd:name".
  std::string name = "brigade-ring";
};

enum class RingStatus : std::uint8_t {
  ok,
  full,       ///< No room, also at the end of the time given.
  empty,      ///< No message, also at the end of the time given.
  too_large,  ///< The message has more than `max_message()` bytes.
  closed,     ///< For a consumer: and all messages have been read.
  corrupt,    ///< Somebody wrote over the ring's own words. It stays closed, for everybody.
};
/// "full"
std::string_view to_string(RingStatus status);

struct RingCount {
  RingStatus status = RingStatus::ok;
  /// How many messages, whatever the status.
  std::size_t count = 0;
};

/// For timeouts: wait without an end.
inline constexpr Duration kForever = Duration::max();

namespace detail {
class RingMemory;
class RingWriter;
class RingReader;
}  // namespace detail

/// Pushes messages. Move-only. Thread: one at a time; give each thread a producer of its own.
class RingProducer {
 public:
  RingProducer(RingProducer&& other) noexcept;
  RingProducer& operator=(RingProducer&& other) noexcept;
  ~RingProducer();

  /// Copies the message into the ring. Never blocks. ok, full, too_large, closed or corrupt.
  RingStatus try_push(std::span<const std::byte> message);
  /// The same, waiting for room.
  RingStatus push(std::span<const std::byte> message, Duration timeout = kForever);

  /// Pushes messages in order, several for the price of one: the reader is told once. Stops at the
  /// first that cannot be pushed; status tells why, count how many were.
  RingCount try_push_all(std::span<const std::span<const std::byte>> messages);
  RingCount push_all(std::span<const std::span<const std::byte>> messages,
                     Duration timeout = kForever);

  std::size_t max_message() const;

 private:
  friend class SharedRing;
  explicit RingProducer(std::unique_ptr<detail::RingWriter> writer);
  std::unique_ptr<detail::RingWriter> writer_;
};

/// Takes messages. Move-only; one at a time for each ring. Thread: one at a time.
///
/// When a consumer dies, the next one goes on at the first message that was not released. `pop`
/// releases a message before it returns it: delivered at most once. `read` releases a batch when
/// the function has returned for all of it: delivered at least once, whatever dies.
class RingConsumer {
 public:
  RingConsumer(RingConsumer&& other) noexcept;
  RingConsumer& operator=(RingConsumer&& other) noexcept;
  ~RingConsumer();

  /// Copies the next message to `message`, whose memory is reused. ok, empty, closed or corrupt.
  RingStatus try_pop(std::vector<std::byte>& message);
  RingStatus pop(std::vector<std::byte>& message, Duration timeout = kForever);

  /// Waits until there is something to pop or read. ok, empty, closed or corrupt.
  RingStatus wait(Duration timeout = kForever);

  /// Calls `function(std::span<const std::byte>)` for each message that is there, at most `max`,
  /// and then gives their room back; less than `max` may be read although more are there. Never
  /// waits. status is ok when there was at least one.
  ///
  /// The bytes are those in the ring, not a copy (with `checksum` they are one), 8-byte aligned,
  /// and valid during the call. A producer that you do not trust could change them meanwhile: copy
  /// first, then check the copy. When `function` throws, the messages before are released and this
  /// one comes again.
  template <class Function>
  RingCount read(Function&& function, std::size_t max = 256) {
    using Object = std::remove_reference_t<Function>;
    auto* const object = std::addressof(function);
    return read_each(
        const_cast<void*>(static_cast<const void*>(object)),
        [](void* context, std::span<const std::byte> message) {
          (*static_cast<Object*>(context))(message);
        },
        max);
  }

 private:
  friend class SharedRing;
  using Visit = void (*)(void* context, std::span<const std::byte> message);

  explicit RingConsumer(std::unique_ptr<detail::RingReader> reader);
  RingCount read_each(void* context, Visit visit, std::size_t max);
  std::unique_ptr<detail::RingReader> reader_;
};

/// The ring itself: its memory, from which producers and the consumer are made; they keep it
/// mapped. Move-only. Thread: any, as nothing in it changes.
class SharedRing {
 public:
  /// Fails for impossible options, and when out of descriptors or address space.
  static Result<SharedRing> create(SharedRingOptions options = {});
  /// Maps a ring that another process made; pass it `fd()` by inheritance or over a Unix socket.
  /// Takes the descriptor in any case. Refuses memory whose size is not sealed, and what is no
  /// ring, or one of another version.
  static Result<SharedRing> attach(Fd fd);

  SharedRing(SharedRing&& other) noexcept;
  SharedRing& operator=(SharedRing&& other) noexcept;
  ~SharedRing();

  /// Fails (EAGAIN) when there are as many producers as the options have room for. The place of one
  /// that died is free once the consumer has passed its last message; with several producers there
  /// are twice as many places, so that a successor need not wait for that.
  Result<RingProducer> producer();
  /// Fails (EBUSY) while another one lives, in any process.
  Result<RingConsumer> consumer();

  /// No more messages: producers are told so at once, the consumer when it has read what is there.
  void close();

  /// Bytes, as rounded up.
  std::size_t capacity() const;
  /// Bytes: a quarter of the capacity, less 8.
  std::size_t max_message() const;
  /// Bytes that are taken; a snapshot.
  std::size_t used() const;
  /// Unfinished messages of dead producers that were skipped, since the ring was made.
  std::uint64_t abandoned() const;
  /// How many live producers, in all processes. A few system calls.
  unsigned producers() const;
  bool has_consumer() const;
  /// Stays owned by the ring; duplicate it to pass it on.
  const Fd& fd() const;

 private:
  explicit SharedRing(std::shared_ptr<detail::RingMemory> memory);
  std::shared_ptr<detail::RingMemory> memory_;
};

}  // namespace brigade
