#include "cluster/control_connection.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "cluster/control_json.hpp"
#include "cluster/control_server.hpp"

namespace brigade::cluster::detail {
namespace {

constexpr std::size_t max_stream_queue = std::size_t{64} << 10;

}  // namespace

ControlConnection::ControlConnection(ControlServer& server, std::uint64_t id, Fd socket,
                                     const std::string& hello)
    : server_(server),
      id_(id),
      socket_(std::move(socket)),
      loop_(Loop::current()),
      idle_since_(loop_.read_clock()) {
  watched_ = EPOLLIN;
  if (!loop_.watch(socket_.get(), watched_, *this)) {
    throw ErrorException(Error::from_errno(errno, "watch a client of the control socket"));
  }
  loop_.arm(*this, server_.limits().patience);
  queue_.push_back(hello);
  queued_ = hello.size();
  flush();
}

ControlConnection::~ControlConnection() {
  loop_.disarm(*this);
  loop_.unwatch(socket_.get(), *this);
}

void ControlConnection::on_timer() {
  // It asks nothing, or asks too slowly, or does not read what it has asked for.
  close();
}

void ControlConnection::close() {
  if (std::exchange(closed_, true)) return;
  loop_.disarm(*this);
  loop_.rewatch(socket_.get(), 0, *this);
  server_.forget(*this);
}

// Level-triggered: while it waits for an answer nothing is read from it, but its end is noticed.
void ControlConnection::listen_for(bool output) {
  const std::uint32_t wanted =
      (busy() || closing_ ? EPOLLRDHUP : EPOLLIN) | (output ? EPOLLOUT : 0U);
  if (wanted == watched_) return;
  watched_ = wanted;
  loop_.rewatch(socket_.get(), wanted, *this);
}

void ControlConnection::on_event(std::uint32_t events) {
  if (closed_) return;
  if ((events & EPOLLOUT) != 0) flush();
  if (closed_) return;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && (events & EPOLLIN) == 0) return close();
  if ((events & EPOLLRDHUP) != 0 && busy()) return close();
  if ((events & EPOLLIN) != 0 && !busy() && !closing_) receive();
}

void ControlConnection::receive() {
  std::array<char, 16 << 10> buffer;
  const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) return close();
  decoder_.feed({buffer.data(), static_cast<std::size_t>(got)});
  auto request = decoder_.next();
  if (decoder_.failed()) {
    return refuse(ControlServer::failure("bad_request", "a request has 1 to 65536 bytes"));
  }
  if (!request) return;
  // Whoever sends without waiting could have us answer faster than it reads.
  if (decoder_.pending() > 0) {
    return refuse(ControlServer::failure("bad_request", "ask again when you have the answer"));
  }
  loop_.disarm(*this);
  server_.received(*this, *request);
}

void ControlConnection::answer(const Value& value) {
  if (closed_) return;
  state_ = State::asks;
  idle_since_ = loop_.read_clock();
  loop_.arm(*this, server_.limits().patience);
  std::string frame = encode_frame(to_json(value));
  queued_ += frame.size();
  queue_.push_back(std::move(frame));
  flush();
}

void ControlConnection::refuse(const Value& value) {
  closing_ = true;
  answer(value);
}

void ControlConnection::wait() {
  state_ = State::waits;
  loop_.disarm(*this);
  listen_for(!queue_.empty());
}

void ControlConnection::begin_stream() {
  if (closed_) return;
  state_ = State::streams;
  loop_.disarm(*this);
  listen_for(!queue_.empty());
}

void ControlConnection::send_event(const std::string& frame) {
  if (closed_) return;
  if (queued_ + frame.size() > max_stream_queue) {
    ++dropped_;
    return;
  }
  if (dropped_ > 0) {
    std::string told = encode_frame(to_json(Value::object(
        {{"event", "dropped"}, {"count", static_cast<std::int64_t>(std::exchange(dropped_, 0))}})));
    queued_ += told.size();
    queue_.push_back(std::move(told));
  }
  queued_ += frame.size();
  queue_.push_back(frame);
  flush();
}

void ControlConnection::flush() {
  while (!queue_.empty()) {
    std::string& first = queue_.front();
    const ssize_t sent =
        ::send(socket_.get(), first.data(), first.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return listen_for(true);
    if (sent < 0) return close();
    queued_ -= static_cast<std::size_t>(sent);
    if (static_cast<std::size_t>(sent) < first.size()) {
      first.erase(0, static_cast<std::size_t>(sent));
    } else {
      queue_.pop_front();
    }
  }
  if (closing_) return close();
  listen_for(false);
}

}  // namespace brigade::cluster::detail
