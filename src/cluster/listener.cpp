#include "cluster/listener.hpp"

#include <brigade/log.hpp>

#include <cerrno>
#include <cstring>

#include "cluster/balance.hpp"

namespace brigade::cluster::detail {
namespace {

constexpr int accepts_per_event = 16;

}  // namespace

Listener::Listener(Process::Socket socket, Acceptor& acceptor)
    : socket_(std::move(socket)),
      acceptor_(acceptor),
      loop_(Loop::current()),
      own_(own_slot()),
      board_(nullptr),
      recheck_(*this) {
  const bool shares_queue =
      socket_.scheduling == Scheduling::balanced || socket_.scheduling == Scheduling::shared;
  if (shares_queue && socket_.board != no_board) board_ = &own_.board.listener(socket_.board);
  enter_set();
}

void Listener::enter_set() {
  if (in_set_) return;
  // Level-triggered, so that a worker which took only some is told again; exclusive, so that one
  // connection does not wake them all. (EPOLLRDHUP with EPOLLEXCLUSIVE would be EINVAL.)
  if (!loop_.watch(socket_.fd.get(), EPOLLIN | EPOLLEXCLUSIVE, *this)) {
    throw ErrorException(Error::from_errno(errno, "watch a listening socket"));
  }
  in_set_ = true;
  if (board_) board_->join(own_.index);
}

void Listener::leave_set() {
  if (!in_set_) return;
  if (board_) board_->leave(own_.index);
  loop_.unwatch(socket_.fd.get(), *this);
  in_set_ = false;
}

bool Listener::stop() {
  if (!socket_.fd) return false;
  loop_.disarm(recheck_);
  leave_set();
  if (!paused_) accept_all();
  socket_.fd.reset();
  socket_.file.remove();
  out_ = paused_ = false;
  return true;
}

void Listener::on_event(std::uint32_t) {
  for (int count = 0; count < accepts_per_event; ++count) {
    if (!acceptor_.has_room()) return pause("it has as many connections as it may have");
    if (accept_one() != Accept::Outcome::one) return;
    if (leave_if_above_share()) return;
  }
}

Accept::Outcome Listener::accept_one() {
  Fd connection;
  const Accept::Outcome outcome = accept_.one(socket_.fd.get(), connection);
  if (outcome == Accept::Outcome::one) acceptor_.on_connection(std::move(connection));
  if (outcome == Accept::Outcome::out_of_resources)
    pause("it is out of file descriptors or memory (ulimit -n)");
  return outcome;
}

void Listener::accept_all() {
  while (acceptor_.has_room() && accept_one() == Accept::Outcome::one) {
  }
}

void Listener::pause(const char* why) {
  paused_ = true;
  leave_set();
  loop_.arm(recheck_, Accept::pause_for);
  accept_.complain("this worker", why);
}

bool Listener::is_sibling_fresh(unsigned slot) const {
  const stats::Entry& entry = own_.board.entry(slot);
  return entry.id.load(std::memory_order_relaxed) != 0 &&
         is_fresh(entry.state() == stats::WorkerState::listening, entry.stopped.get() != 0,
                  own_.board.slot(slot).loop.meter.busy_since_ns.get(),
                  static_cast<std::uint64_t>(loop_.now().time_since_epoch().count()));
}

Crowd Listener::crowd() const {
  Crowd out;
  out.mine = out.total = own_.board.slot(own_.index).loop.connections_open.get();
  for (unsigned slot = 0; slot < own_.board.slots(); ++slot) {
    if (slot == own_.index || !is_sibling_fresh(slot)) continue;
    out.total += own_.board.slot(slot).loop.connections_open.get();
    ++out.workers;
  }
  return out;
}

bool Listener::leave_if_above_share() {
  const bool may_leave = board_ && socket_.scheduling == Scheduling::balanced;
  if (!may_leave || own_.board.slots() == 1 || !should_leave(crowd())) return false;
  if (!board_->leave_if_served(own_.index, own_.board.slots(),
                               [this](unsigned slot) { return is_sibling_fresh(slot); })) {
    return false;
  }
  out_ = true;
  leave_set();
  recheck_in_ = first_recheck;
  loop_.arm(recheck_, recheck_in_);
  accept_all();
  return true;
}

void Listener::consider_returning() {
  if (!socket_.fd || in_set_) return;
  if (paused_) {
    if (!acceptor_.has_room()) return loop_.arm(recheck_, Accept::pause_for);
    paused_ = false;
  } else {
    bool served = false;
    for (unsigned slot = 0; slot < own_.board.slots() && !served; ++slot) {
      served = slot != own_.index && board_->is_listed(slot) && is_sibling_fresh(slot);
    }
    if (served && !should_return(crowd())) {
      recheck_in_ = next_recheck(recheck_in_);
      return loop_.arm(recheck_, recheck_in_);
    }
  }
  out_ = false;
  loop_.disarm(recheck_);
  enter_set();
}

}  // namespace brigade::cluster::detail
