// Connection, the part that reads bodies, when a handler asks for them.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "http/connection.hpp"
#include "http/server_core.hpp"

namespace brigade::http {
namespace {

constexpr std::size_t reserve_at_once =
    1 << 20;  // a claimed length is not worth more memory than this

}  // namespace

void Connection::begin_body(std::size_t limit) {
  detail::Exchange& exchange = *exchange_;
  const RequestHead& head = exchange.request.head_;
  exchange.continue_sent = false;
  exchange.body_left = head.content_length;
  exchange.body_done = !head.chunked && head.content_length == 0;
  if (exchange.body_done) return;
  if (head.chunked) exchange.chunks = ChunkedDecoder({.body = limit});
  if (head.content_length > limit) fail_body(413, "the request's body is too long");
}

void Connection::fail_body(int status, const char* problem) {
  Request& request = exchange_->request;
  request.body_error_ = status;
  request.body_problem_ = problem;
  must_linger_ = true;
}

bool Connection::want_body(detail::BodyWait& wait) {
  detail::Exchange& exchange = *exchange_;
  if (gone_) fail_body(400, "the client is gone");
  take_buffered_body();
  if (exchange.body_done || exchange.request.body_error_ != 0) return true;
  const RequestHead& head = exchange.request.head_;
  if (head.expect_continue && !std::exchange(exchange.continue_sent, true)) {
    out_.append("HTTP/1.1 100 Continue\r\n\r\n");  // RFC 9110 section 10.1.1
  }
  exchange.request.body_.reserve(std::min<std::size_t>(head.content_length, reserve_at_once));
  exchange.body_began = server_.loop().now();
  phase_ = Phase::body;
  flush();
  set_deadline(exchange.body_began + server_.options().body_timeout);
  // What has come already may be all there is; the handler then goes on without a turn of the loop.
  body_wait_ = nullptr;
  read_body();
  if (exchange.body_done || exchange.request.body_error_ != 0) {
    wait_for_handler();
    return true;
  }
  body_wait_ = &wait;
  return false;
}

void Connection::take_buffered_body() {
  if (exchange_->body_done || begin_ == end_) return;
  begin_ += take_body_bytes({chunk_ + begin_, end_ - begin_});
}

// Returns how many of the bytes belong to the body.
std::size_t Connection::take_body_bytes(std::string_view bytes) {
  detail::Exchange& exchange = *exchange_;
  std::string& body = exchange.request.body_;
  if (!exchange.request.head_.chunked) {
    const std::size_t mine = std::min<std::uint64_t>(bytes.size(), exchange.body_left);
    body.append(bytes.substr(0, mine));
    exchange.body_left -= mine;
    exchange.body_done = exchange.body_left == 0;
    return mine;
  }
  std::size_t taken = 0;
  while (true) {
    const ChunkedDecoder::Step step = exchange.chunks.next(bytes.substr(taken));
    taken += step.consumed;
    switch (step.kind) {
      case ChunkedDecoder::Kind::data:
        body.append(step.data);
        break;
      case ChunkedDecoder::Kind::need_more:
        return taken;
      case ChunkedDecoder::Kind::complete:
        exchange.body_done = true;
        return taken;
      case ChunkedDecoder::Kind::error:
        fail_body(step.code, step.reason);
        return taken;
    }
  }
}

void Connection::read_body() {
  detail::Exchange& exchange = *exchange_;
  auto& scratch = server_.scratch();
  const auto unfinished = [&] { return !exchange.body_done && exchange.request.body_error_ == 0; };
  while (readable_ && unfinished()) {
    // Of a known length no byte more than it is read: what follows is the next request's.
    const std::size_t room = exchange.request.head_.chunked
                                 ? scratch.size()
                                 : std::min<std::uint64_t>(scratch.size(), exchange.body_left);
    const ssize_t got = ::recv(socket_.get(), scratch.data(), room, 0);
    if (got > 0) {
      const auto count = static_cast<std::size_t>(got);
      server_.figures().loop.bytes_in.add(count);
      const std::size_t mine = take_body_bytes({scratch.data(), count});
      if (exchange.body_done) exchange.behind.assign(scratch.data() + mine, count - mine);
      if (count < room && !fin_announced_) readable_ = false;
      // A second more for each body_min_rate bytes, from the start: a drip cannot extend it.
      const auto earned = std::chrono::nanoseconds(
          static_cast<std::int64_t>(exchange.request.body_.size()) * 1'000'000'000 /
          static_cast<std::int64_t>(std::max<std::size_t>(server_.options().body_min_rate, 1)));
      set_deadline(exchange.body_began + server_.options().body_timeout + earned);
    } else if (got == 0) {
      peer_done_ = true;
      fail_body(400, "the request's body is broken off");
    } else if (errno == EAGAIN) {
      readable_ = false;
    } else if (errno != EINTR) {
      gone_ = true;
      fail_body(400, "the client is gone");
    }
  }
  if (!unfinished() && body_wait_) hand_over_body();
}

void Connection::hand_over_body() {
  wait_for_handler();
  detail::BodyWait* wait = std::exchange(body_wait_, nullptr);
  if (wait) wait->body_is_here();
}

// After an answer: true when the request's last byte is read, so that the next one's first byte is
// next.
bool Connection::skip_rest_of_body() {
  detail::Exchange& exchange = *exchange_;
  if (exchange.body_done) return true;
  if (exchange.request.body_error_ != 0) return false;
  take_buffered_body();
  return exchange.body_done && exchange.request.body_error_ == 0;
}

}  // namespace brigade::http
