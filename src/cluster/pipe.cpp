#include "cluster/pipe.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "cluster/received_descriptors.hpp"

namespace brigade::cluster::detail {
namespace {

constexpr std::size_t read_size = 64 * 1024;
constexpr int reads_per_turn = 2;  // a flooding peer must not keep the loop from its other work
// Longer segments gain nothing, and a full one is written at once: the peer can begin.
constexpr std::size_t segment_size = 64 * 1024;
constexpr Duration retry_after = std::chrono::milliseconds(10);

union ControlBuffer {
  std::array<char, CMSG_SPACE(sizeof(int) * most_descriptors)> bytes;
  cmsghdr align;
};

// One for all pipes of a thread: a primary of many workers must not pay for each.
using ReadBuffer = std::array<std::byte, read_size>;
thread_local std::unique_ptr<ReadBuffer> idle_buffer;

class BorrowedBuffer {
 public:
  BorrowedBuffer() : buffer_(std::move(idle_buffer)) {
    if (!buffer_) buffer_ = std::make_unique<ReadBuffer>();
  }
  ~BorrowedBuffer() { idle_buffer = std::move(buffer_); }
  ReadBuffer& operator*() { return *buffer_; }

 private:
  std::unique_ptr<ReadBuffer> buffer_;
};

}  // namespace

Result<std::pair<Fd, Fd>> Pipe::make_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return Error::from_errno(errno, "socketpair");
  }
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

Pipe::Pipe(Fd socket, PipeLimits limits, Callbacks callbacks)
    : socket_(std::move(socket)),
      limits_(limits),
      callbacks_(std::move(callbacks)),
      loop_(Loop::current()),
      decoder_(limits.max_body) {
  // Level-triggered, so that a turn may leave frames for the next.
  if (!loop_.watch(socket_.get(), EPOLLIN, *this)) {
    throw ErrorException(Error::from_errno(errno, "watch a pipe"));
  }
}

Pipe::~Pipe() {
  close();
}

void Pipe::close() {
  if (!socket_) return;
  loop_.unwatch(socket_.get(), *this);
  socket_.reset();
  told_full_ = false;  // nobody is to be told of room any more
  peer_is_gone();
}

void Pipe::finish(const char* error) {
  if (!socket_) return;
  close();
  const auto callback = std::move(callbacks_.on_closed);  // it may destroy the pipe
  if (callback) callback(error);
}

// ---- Reading ----

void Pipe::on_event(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  receive_pending(1);
}

void Pipe::receive_pending(int turns) {
  for (int reads = 0; socket_ && reads < turns * reads_per_turn; ++reads) {
    if (!receive_once()) return;
  }
}

// False when there is no more for now, or never will be.
bool Pipe::receive_once() {
  BorrowedBuffer buffer;
  ControlBuffer control;
  iovec part{(*buffer).data(), read_size};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  const ssize_t got = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0 && errno == EINTR) return true;
  if (got < 0 && errno == EAGAIN) return false;
  if (got <= 0) {
    finish(nullptr);
    return false;
  }
  if (header.msg_controllen > 0) decoder_.add_descriptors(received_descriptors(header));
  if ((header.msg_flags & MSG_CTRUNC) != 0) decoder_.note_lost_descriptors();
  std::span<const std::byte> piece((*buffer).data(), static_cast<std::size_t>(got));
  Frame frame;
  const char* error = nullptr;
  while (decoder_.next(piece, frame)) {
    if (!callbacks_.on_frame(frame, error)) break;
    if (!socket_) return false;
  }
  if (!error) error = decoder_.error();
  if (error) {
    finish(error);
    return false;
  }
  // The kernel ends a read behind descriptors, so a short one without them has emptied the socket.
  return static_cast<std::size_t>(got) == read_size || header.msg_controllen > 0;
}

// ---- Writing ----

Pipe::Segment& Pipe::writable_segment() {
  if (segments_.empty() || segments_.back().bytes.size() >= segment_size) {
    segments_.emplace_back().bytes = std::move(spare_);
    spare_ = {};
  }
  return segments_.back();
}

Bytes& Pipe::begin_frame() {
  Bytes& bytes = writable_segment().bytes;
  frame_at_ = bytes.size();
  bytes.resize(frame_at_ + sizeof(FrameHeader));
  return bytes;
}

void Pipe::drop_frame() {
  Segment& segment = segments_.back();
  segment.bytes.resize(frame_at_);
  if (frame_at_ == 0 && segment.written == 0) segments_.pop_back();
}

bool Pipe::end_frame(FrameKind kind, std::uint32_t sequence, std::vector<Fd> descriptors) {
  Bytes& bytes = segments_.back().bytes;
  const std::size_t size = bytes.size() - frame_at_ - sizeof(FrameHeader);
  if (size > limits_.max_body || descriptors.size() > most_descriptors || !connected()) {
    drop_frame();
    return false;
  }
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(kind);
  header.sequence = sequence;
  header.size = static_cast<std::uint32_t>(size);
  header.descriptors = static_cast<std::uint8_t>(descriptors.size());
  std::memcpy(bytes.data() + frame_at_, &header, sizeof header);
  queued_ += size + sizeof header;
  if (!descriptors.empty()) {
    if (frame_at_ > 0) {
      Segment& own = segments_.emplace_back();  // `bytes` stays where it is: a deque's end
      own.bytes.assign(bytes.begin() + static_cast<std::ptrdiff_t>(frame_at_), bytes.end());
      bytes.resize(frame_at_);
    }
    segments_.back().descriptors = std::move(descriptors);
  }
  if (!has_room()) told_full_ = true;
  if (queued_ >= segment_size && !awaits_room_) {
    flush();
  } else if (!end_of_turn_.linked() && !awaits_room_) {
    loop_.run_later(end_of_turn_);
  }
  return true;
}

Pipe::Wrote Pipe::write_front() {
  Segment& segment = segments_.front();
  iovec part{segment.bytes.data() + segment.written, segment.bytes.size() - segment.written};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  ControlBuffer control;
  if (!segment.descriptors.empty()) {
    const std::size_t bytes = sizeof(int) * segment.descriptors.size();
    header.msg_control = control.bytes.data();
    header.msg_controllen = CMSG_SPACE(bytes);
    std::memset(control.bytes.data(), 0, header.msg_controllen);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    for (std::size_t index = 0; index < segment.descriptors.size(); ++index) {
      const int fd = segment.descriptors[index].get();
      std::memcpy(CMSG_DATA(rights) + index * sizeof fd, &fd, sizeof fd);
    }
  }
  const ssize_t wrote = ::sendmsg(socket_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (wrote < 0) {
    if (errno == EINTR) return Wrote::some;
    if (errno == EAGAIN) {
      await_room_in_socket(true);
      return Wrote::nothing_for_now;
    }
    // Too many descriptors are on their way, or there is no memory: that passes without an event.
    if (errno == ETOOMANYREFS || errno == ENOBUFS || errno == ENOMEM) {
      loop_.arm(retry_, retry_after);
      return Wrote::nothing_for_now;
    }
    return Wrote::peer_is_gone;
  }
  segment.descriptors.clear();
  segment.written += static_cast<std::size_t>(wrote);
  queued_ -= static_cast<std::size_t>(wrote);
  if (segment.written < segment.bytes.size()) return Wrote::some;
  segment.bytes.clear();
  if (segment.bytes.capacity() <= 2 * segment_size) spare_ = std::move(segment.bytes);
  segments_.pop_front();
  return Wrote::all;
}

void Pipe::flush() {
  end_of_turn_.unlink();  // it is done now
  if (!socket_) return;
  while (!segments_.empty()) {
    const Wrote wrote = write_front();
    if (wrote == Wrote::nothing_for_now) break;
    if (wrote == Wrote::peer_is_gone) {
      // What it said before it went is still there to be read: the loop sees the end.
      peer_is_gone();
      return;
    }
  }
  if (segments_.empty()) await_room_in_socket(false);
  if (told_full_ && has_room()) {
    told_full_ = false;
    if (callbacks_.on_room) callbacks_.on_room();
  }
}

void Pipe::await_room_in_socket(bool wanted) {
  if (std::exchange(awaits_room_, wanted) == wanted) return;
  loop_.rewatch(socket_.get(), wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
}

void Pipe::peer_is_gone() {
  peer_gone_ = true;
  segments_.clear();
  queued_ = 0;
  end_of_turn_.unlink();
  loop_.disarm(retry_);
  if (socket_) await_room_in_socket(false);
  if (std::exchange(told_full_, false) && callbacks_.on_room) callbacks_.on_room();
}

bool Pipe::flush_now(Duration patience) {
  const TimePoint until = monotonic_now() + patience;
  while (connected() && !segments_.empty()) {
    const Wrote wrote = write_front();
    if (wrote == Wrote::peer_is_gone) break;
    if (wrote != Wrote::nothing_for_now) continue;
    const Duration left = until - monotonic_now();
    if (left <= Duration(0)) return false;
    pollfd ready{socket_.get(), POLLOUT, 0};
    ::poll(&ready, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
  }
  return segments_.empty();
}

}  // namespace brigade::cluster::detail
