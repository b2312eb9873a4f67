#include "http/connection.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "http/server_core.hpp"

namespace brigade::http {
namespace {

constexpr Duration linger_time = std::chrono::seconds(2);
constexpr int reads_per_turn = 16;
constexpr std::size_t idle_output_memory = 4 << 10;

}  // namespace

Connection::Connection(detail::ServerCore& server, Fd socket, bool proxied)
    : server_(server),
      socket_(std::move(socket)),
      alarm_(*this),
      task_done_(*this),
      go_on_(*this),
      awaits_proxy_(proxied) {}

Connection::~Connection() {
  drop_chunk();
}

bool Connection::start() {
  constexpr std::uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  if (!server_.loop().watch(socket_.get(), events, *this)) return false;
  set_deadline(server_.loop().now() + server_.options().header_timeout);
  return true;
}

void Connection::take_over(std::uint64_t key, std::string_view bytes) {
  sticky_key_ = key;
  ensure_capacity(bytes.size());
  end_ = bytes.copy(chunk_, bytes.size());
  batch_began_ = server_.loop().now();
  server_.loop().run_later(go_on_);
}

// Nothing of it is unanswered but what goes along.
void Connection::leave_for_its_worker() {
  server_.loop().unwatch(socket_.get(), *this);
  if (exchange_) server_.give_exchange(std::move(exchange_));
  server_.pass_on(*goes_to_, sticky_key_, {chunk_ + begin_, end_ - begin_}, std::move(socket_));
  server_.ended(*this);
  delete this;
}

void Connection::destroy() {
  server_.loop().unwatch(socket_.get(), *this);
  if (handler_runs()) server_.handler_ends();
  if (exchange_) {
    end_exchange();
    exchange_->parser.reset();
    server_.give_exchange(std::move(exchange_));
  }
  server_.ended(*this);
  delete this;
}

void Connection::on_event(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return peer_is_gone();
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
  if ((events & EPOLLRDHUP) != 0) fin_announced_ = true;
  if ((events & EPOLLOUT) != 0 && blocked_) {
    blocked_ = false;
    if (!flush()) return;
    if (blocked_) return;
  }
  resume();
}

void Connection::resume() {
  switch (phase_) {
    case Phase::idle:
    case Phase::head:
      pump();
      return;
    case Phase::handling:
      return;
    case Phase::body:
      read_body();
      return;
    case Phase::closing:
      return;
    case Phase::lingering:
      discard_input();
      return;
  }
}

bool Connection::pump() {
  for (int reads = 0;; ++reads) {
    const bool more = process();
    if (goes_to_) {
      leave_for_its_worker();
      return false;
    }
    if (!flush()) return false;
    if ((phase_ != Phase::idle && phase_ != Phase::head) || blocked_) return true;
    if (more) continue;
    if (!readable_) break;
    if (reads == reads_per_turn) {  // the others first
      if (!go_on_.linked()) server_.loop().run_later(go_on_);
      break;
    }
    batch_began_ = server_.loop().now();
    const Read got = read();
    if (got == Read::ended) {
      // It will send no more. An unfinished head is not worth an answer.
      destroy();
      return false;
    }
  }
  settle();
  return true;
}

// What an idle connection holds on to, and how long it may stay so.
void Connection::settle() {
  if (begin_ != end_) return;  // the deadline runs since the head's first byte
  drop_chunk();
  if (exchange_) server_.give_exchange(std::move(exchange_));
  out_.shrink(idle_output_memory);
}

void Connection::drop_chunk() {
  if (!chunk_) return;
  capacity_ == detail::ServerCore::chunk_size ? server_.give_chunk(chunk_) : std::free(chunk_);
  chunk_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

void Connection::ensure_capacity(std::size_t capacity) {
  if (chunk_ && capacity_ >= capacity) return;
  if (!chunk_ && capacity <= detail::ServerCore::chunk_size) {
    chunk_ = server_.take_chunk();
    capacity_ = detail::ServerCore::chunk_size;
    return;
  }
  // Larger than a chunk: a long head, or much that came behind a body. Limits keep it to some tens
  // of KiB. Odd by one, so that it is never taken for one of the server's chunks.
  auto* larger = static_cast<char*>(std::malloc(capacity + 1));
  if (!larger) throw std::bad_alloc();
  const std::size_t size = end_ - begin_;
  if (size > 0) std::memcpy(larger, chunk_ + begin_, size);
  drop_chunk();
  chunk_ = larger;
  capacity_ = capacity + 1;
  end_ = size;
}

// Makes sure that at least a byte can be read.
void Connection::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (chunk_ && end_ < capacity_) return;
  if (begin_ > 0) {
    std::memmove(chunk_, chunk_ + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return;
  }
  ensure_capacity(chunk_ ? capacity_ * 2 : detail::ServerCore::chunk_size);
}

Connection::Read Connection::read() {
  make_room();
  const std::size_t room = capacity_ - end_;
  const ssize_t got = ::recv(socket_.get(), chunk_ + end_, room, 0);
  if (got > 0) {
    end_ += static_cast<std::size_t>(got);
    server_.figures().loop.bytes_in.add(static_cast<std::uint64_t>(got));
    // Edge-triggered: a short read means that the next byte brings the next event. A FIN that was
    // announced along with these bytes brings none.
    if (static_cast<std::size_t>(got) < room && !fin_announced_) readable_ = false;
    return Read::some;
  }
  if (got == 0) {
    peer_done_ = true;
    return Read::ended;
  }
  if (errno == EINTR) return Read::some;
  readable_ = false;
  return errno == EAGAIN ? Read::nothing : Read::ended;
}

bool Connection::flush() {
  if (batch_ > 0) count_batch();
  while (!out_.empty() || !large_.empty()) {
    std::array<iovec, 2> parts{};
    std::size_t count = 0;
    if (!out_.empty()) parts[count++] = {const_cast<char*>(out_.data()), out_.size()};
    if (!large_.empty())
      parts[count++] = {large_.data() + large_sent_, large_.size() - large_sent_};
    ssize_t sent = 0;
    if (count == 1) {
      sent = ::send(socket_.get(), parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = count;
      sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    }
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        blocked_ = true;
        set_deadline(server_.loop().now() + server_.options().write_timeout);
        return true;
      }
      if (handler_runs()) {
        gone_ = true;
        return true;
      }
      destroy();
      return false;
    }
    server_.figures().loop.bytes_out.add(static_cast<std::uint64_t>(sent));
    const std::size_t from_out = std::min(static_cast<std::size_t>(sent), out_.size());
    out_.consume(from_out);
    large_sent_ += static_cast<std::size_t>(sent) - from_out;
    if (large_sent_ == large_.size()) {
      large_ = std::string();
      large_sent_ = 0;
    }
  }
  return phase_ != Phase::closing || written();
}

// The last answer has left. Close at once when the client knows that nothing more is read: it asked
// for the close, and all it sent was read. Otherwise linger: closing a socket with unread input
// makes the kernel send a reset, which can overtake the answer (RFC 9112 section 9.6).
bool Connection::written() {
  if (peer_done_ || (!must_linger_ && !readable_ && begin_ == end_)) {
    destroy();
    return false;
  }
  linger();
  return discard_input();
}

void Connection::linger() {
  ::shutdown(socket_.get(), SHUT_WR);
  phase_ = Phase::lingering;
  begin_ = end_ = 0;
  set_deadline(server_.loop().now() + linger_time);
}

bool Connection::discard_input() {
  auto& scratch = server_.scratch();
  for (int reads = 0; readable_; ++reads) {
    if (reads == reads_per_turn) {
      if (!go_on_.linked()) server_.loop().run_later(go_on_);
      return true;
    }
    const ssize_t got = ::recv(socket_.get(), scratch.data(), scratch.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      readable_ = false;
    } else if (got <= 0) {
      destroy();
      return false;
    }
  }
  return true;
}

void Connection::peer_is_gone() {
  if (!handler_runs()) return destroy();
  if (std::exchange(gone_, true)) return;
  // What changes something is carried out, whether or not the client waits for the answer.
  const bool cancellable = is_safe(exchange_->request.method()) || phase_ == Phase::body;
  if (cancellable && exchange_->scope) exchange_->scope->cancel(CancelReason::client_gone);
}

void Connection::drain(Duration quiet) {
  if (phase_ == Phase::idle && !blocked_) set_deadline(server_.loop().now() + quiet);
}

void Connection::cut() {
  if (!handler_runs()) return destroy();
  gone_ = true;
  if (exchange_->scope) exchange_->scope->cancel(CancelReason::shutdown);
}

// What a handler waits for besides may not take longer than the handler itself.
void Connection::set_deadline(TimePoint at) {
  at = std::min(at, handler_deadline_);
  deadline_ = at;
  if (alarm_.armed() && alarm_at_ <= at) return;  // it looks again when it rings
  alarm_at_ = at;
  server_.loop().arm(alarm_, at - server_.loop().now());
}

void Connection::wait_for_handler() {
  phase_ = Phase::handling;
  deadline_ = TimePoint::max();
  if (handler_deadline_ != TimePoint::max()) set_deadline(handler_deadline_);
}

void Connection::handler_is_late() {
  handler_deadline_ = TimePoint::max();
  if (blocked_) set_deadline(server_.loop().now() + server_.options().write_timeout);
  if (exchange_->scope) exchange_->scope->cancel(CancelReason::deadline);
}

void Connection::time_is_up() {
  if (deadline_ == TimePoint::max()) return;
  if (server_.loop().now() < deadline_) return set_deadline(deadline_);
  if (handler_runs() && server_.loop().now() >= handler_deadline_) return handler_is_late();
  if (blocked_) {  // it does not take its answer
    if (!handler_runs()) return destroy();
    return peer_is_gone();
  }
  switch (phase_) {
    case Phase::idle:
    case Phase::closing:
    case Phase::lingering:
      return destroy();
    case Phase::handling:
      return;
    case Phase::head:
      refuse(408, "the request's head took too long");
      flush();
      return;
    case Phase::body:
      fail_body(408, "the request's body came too slowly");
      hand_over_body();
      return;
  }
}

}  // namespace brigade::http
