#include "cluster/process.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <brigade/cluster.hpp>
#include <brigade/log.hpp>

#include <cerrno>
#include <csignal>

#include "cluster/fault_report.hpp"
#include "cluster/listen_socket.hpp"
#include "cluster/offer.hpp"
#include "cluster/orphan_guard.hpp"
#include "cluster/own_slot.hpp"
#include "cluster/role.hpp"
#include "cluster/shared_names.hpp"
#include "cluster/worker_messages.hpp"

namespace brigade::cluster::detail {
namespace {

thread_local std::weak_ptr<Process> this_loops;

bool anybody_serves() {
  const stats::Scoreboard& board = own_slot().board;
  for (unsigned slot = 0; slot < board.slots(); ++slot) {
    const stats::Entry& entry = board.entry(slot);
    if (entry.id.load() != 0 && entry.state() == stats::WorkerState::listening) return true;
  }
  return false;
}

}  // namespace

std::shared_ptr<Process> Process::join() {
  std::shared_ptr<Process> found = this_loops.lock();
  if (!found) this_loops = found = std::make_shared<Process>();
  return found;
}

Process::Process() {
  Loop::current().use_meter(own_slot().figures().loop.meter);
  Role& own = role();
  if (own.worker && own.channel) {
    open_channel(std::move(own.channel));
    if (own.estate && own_slot().is_primarys) {
      auto made = Succession::make(std::move(own.estate),
                                   {.may_stand = [this] { return has_listened_ && !draining_; },
                                    .give_up = [this] { no_primary_comes(); }});
      if (made) succession_ = std::move(*made);
    }
    channel_->send({MessageType::online, 0, {}, Fd()});
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGPIPE, SIG_IGN);  // its standard error may be a pipe to a primary that is gone
    guard_orphan(own_deadline, succession_ ? succession_->patience() : Duration(0));
    report_faults();
    stats::Watch& watch = own_slot().figures().watch;
    watch.loop_thread.set(::gettid());
    Loop::current().use_watch(watch.unwatched, [this] {
      channel_->send({MessageType::busy, 0, {}, Fd()});
    });
    signals_.push_back(std::make_unique<SignalWatch>(SIGTERM, [this] { stop_signal(SIGTERM); }));
    return;
  }
  for (const int signal : {SIGTERM, SIGINT}) {
    signals_.push_back(std::make_unique<SignalWatch>(
        signal, [this, signal] { stop_signal(signal); }, SignalWatch::Unheard::ends_process));
  }
}

Process::~Process() {
  if (!channel_) return;
  // The loop may go on without us.
  if (Loop* loop = Loop::try_current())
    loop->use_watch(own_slot().figures().watch.unwatched, [] {});
}

void Process::stop_signal(int signal) {
  // A second request, not the first one that came twice: terminals signal a process and its group.
  constexpr Duration same_request = std::chrono::milliseconds(5);
  const bool again = draining_ && monotonic_now() - draining_since_ > same_request;
  if (again && !role().worker) ::_exit(128 + signal);
  drain(own_quiet, own_deadline, false);
}

void Process::open_channel(Fd socket) {
  channel_ = std::make_unique<Channel>(
      std::move(socket),
      Channel::Callbacks{[this](Message message) { received(std::move(message)); },
                         [this](const char* error) { lost_primary(error); }});
}

// What a primary is told before the new one reads it waits in the channel's socket, so that this
// worker need not know whether there is one. A cluster that dies during its start is to stay dead.
void Process::lost_primary(const char* error) {
  if (role().primary_stderr) ::dup2(role().primary_stderr.get(), STDERR_FILENO);
  const bool goes_on = succession_ && !draining_ && (has_listened_ || anybody_serves());
  auto hello = goes_on ? offer() : Error();
  if (!hello) {
    if (!hello.error().message().empty()) log::error("{}", hello.error().message());
    log::warn("the primary is gone{}{}: finishing and leaving", error ? ", it " : "",
              error ? error : "");
    return no_primary_comes();
  }
  log::warn("the primary is gone{}{}: serving on until there is a new one", error ? ", it " : "",
            error ? error : "");
  start_orphan_timer();
  for (const auto& [sequence, pending] : pending_) {
    channel_->send({pending->type, sequence, pending->body, Fd()});
  }
  succession_->primary_lost(std::move(*hello));
}

void Process::no_primary_comes() {
  for (auto& [sequence, pending] : pending_) pending->answered.set();
  pending_.clear();
  drain(own_quiet, own_deadline, false);
}

Result<Hello> Process::offer() {
  const Role& own = role();
  Hello out;
  out.id = own.id;
  out.number = own.number;
  out.slot = own.slot;
  out.goodbye = goodbye_;
  out.listening = listening_;
  auto ends = Channel::make_pair();
  if (!ends) return ends.error();
  out.channel = std::move(ends->second);
  out.life = tie_to_primary();
  for (const auto& [key, held] : held_) {
    out.sockets.push_back({held.wanted, held.address, held.board, held.fd.duplicate()});
    if (!out.sockets.back().fd) return Error::from_errno(errno, "wait for a new primary");
  }
  for (auto& [wanted, memory] : SharedNames::instance().descriptors()) {
    if (out.sockets.size() + out.buffers.size() >= most_belongings) break;
    out.buffers.push_back({wanted, std::move(memory)});
    if (!out.buffers.back().fd) return Error::from_errno(EMFILE, "wait for a new primary");
  }
  if (!out.life) return Error::from_errno(errno, "wait for a new primary");
  open_channel(std::move(ends->first));
  return out;
}

void Process::received(Message message) {
  if (message.type == MessageType::connection) return handed(std::move(message));
  if (message.type == MessageType::pass_part) {
    parts_ += message.body;
    return;
  }
  if (message.type == MessageType::pass_on) return adopt(std::move(message));
  if (message.type == MessageType::stand_in || message.type == MessageType::stand_down) {
    return stand_in(std::move(message));
  }
  if (message.type == MessageType::listen_reply || message.type == MessageType::share_reply ||
      message.type == MessageType::introduce_reply) {
    const auto found = pending_.find(message.sequence);
    if (found == pending_.end())
      return;  // nobody waits any more: the descriptor is closed with `message`
    found->second->reply = std::move(message);
    found->second->answered.set();
    pending_.erase(found);
  } else if (message.type == MessageType::introduced) {
    const auto who = Introduced::decode(message.body);
    if (who && message.fd) WorkerMessages::instance().introduced(*who, std::move(message.fd));
  } else if (message.type == MessageType::welcome) {
    if (!succession_) return;
    log::info("there is a new primary");
    stop_orphan_timer();
    succession_->primary_reigns();
  } else if (message.type == MessageType::drain) {
    const auto order = Drain::decode(message.body);
    if (!order) return;
    drain(std::chrono::milliseconds(order->quiet_ms), std::chrono::milliseconds(order->deadline_ms),
          false);
  } else if (message.type == MessageType::log_level) {
    if (const auto level = log::level_from(message.body)) log::set_level(*level);
  }
}

Receiver* Process::receiver(unsigned board) {
  const auto found = receivers_.find(board);
  return found == receivers_.end() ? nullptr : found->second;
}

void Process::handed(Message message) {
  const auto passed = Passed::decode(message.body);
  if (!passed || passed->board >= stats::kMaxListeners) return;
  Offer offer(own_slot().figures().offers[passed->board]);
  Receiver* const to = receiver(passed->board);
  // Our copy of one that we do not take is closed with `message`.
  const bool wanted = message.fd && to && to->has_room();
  const bool taken = wanted && offer.take(message.sequence);
  if (!wanted) offer.refuse(message.sequence);
  channel_->send({MessageType::connection_reply, message.sequence,
                  PassedReply{passed->board, taken}.encode(), Fd()});
  if (taken) to->on_handed(std::move(message.fd));
}

void Process::stand_in(Message message) {
  const auto order = StandIn::decode(message.body);
  if (!order) return;
  Receiver* const by = receiver(order->board);
  if (message.type == MessageType::stand_in) {
    if (by && message.fd) by->stand_in(order->position, std::move(message.fd));
    return;
  }
  if (by) by->stand_down(order->position);
  channel_->send({MessageType::stood_in, 0, message.body, Fd()});
}

Task<Result<Message>> Process::ask(MessageType type, std::string body) {
  if (!channel_) co_return Error(ENOTCONN, "this thread has no channel to a primary");
  Pending pending{type, body};
  const std::uint32_t sequence = next_sequence_++;
  pending_.emplace(sequence, &pending);
  struct Forget {
    Process& process;
    std::uint32_t sequence;
    ~Forget() { process.pending_.erase(sequence); }
  } forget{*this, sequence};
  channel_->send({type, sequence, std::move(body), Fd()});
  if (!channel_->open()) co_return Error(EPIPE, "the primary is gone");
  co_await pending.answered.wait();
  if (!pending.reply) co_return Error(EPIPE, "the primary is gone");
  co_return std::move(*pending.reply);
}

Task<Result<Process::Socket>> Process::listen(Listen wanted) {
  if (wanted.kind == ListenKind::unix_stream) wanted.host = absolute_path(wanted.host);
  const bool any_port = wanted.kind != ListenKind::unix_stream && wanted.port == 0;
  if (any_port) {
    wanted.ordinal = ordinals_[wanted.key()]++;
  } else if (!used_.insert(wanted.key()).second) {
    co_return Error(
        EADDRINUSE,
        fmt::format("cannot listen on {}: this process listens there already",
                    wanted.kind == ListenKind::unix_stream ? wanted.key()
                                                           : fmt::format("port {}", wanted.port)));
  }
  // Unless it comes to a socket, also when this wait is cancelled or destroyed, the port is free
  // again.
  struct Claim {
    Process* process;
    std::string key;
    ~Claim() {
      if (process) process->unlisten(key);
    }
  } claim{this, wanted.key()};
  if (!channel_) {
    auto socket = listen_on(wanted);
    if (!socket) co_return socket.error();
    warn_of_capped_backlog(wanted, socket->address);
    // Alone there is no sibling to agree with: the board is only for others to see.
    auto board = own_slot().board.add_listener(std::hash<std::string>()(socket->address) | 1);
    claim.process = nullptr;
    Socket out{std::move(socket->fd), std::move(socket->address), board ? *board : no_board};
    out.key = wanted.key();
    out.scheduling = Scheduling::shared;
    out.file = std::move(socket->file);
    co_return out;
  }
  wanted.has_board = own_slot().is_primarys;
  auto answer = co_await ask(MessageType::listen, wanted.encode());
  if (!answer) co_return answer.error();
  const auto reply = ListenReply::decode(answer->body);
  if (!reply || (reply->error == 0 && !answer->fd)) {
    co_return Error(EPROTO, "the primary's answer makes no sense");
  }
  claim.process = nullptr;
  if (reply->error != 0) {
    used_.erase(claim.key);
    co_return Error(reply->error, reply->text);
  }
  Socket out{std::move(answer->fd), reply->text, reply->board};
  out.key = wanted.key();
  out.scheduling = reply->scheduling;
  if (out.board >= stats::kMaxListeners || !wanted.has_board) out.board = no_board;
  if (succession_) {
    held_[out.key] = Held{wanted, out.address, reply->board, out.fd.duplicate()};
  }
  co_return out;
}

void Process::unlisten(const std::string& key) {
  used_.erase(key);
  held_.erase(key);
  if (channel_)
    channel_->send({MessageType::unlisten, 0, Unlisten{key, !draining_}.encode(), Fd()});
}

void Process::listening(const std::string& address) {
  has_listened_ = true;
  listening_.push_back(address);
  if (channel_) channel_->send({MessageType::listening, 0, address, Fd()});
  if (on_listening) on_listening(address);
}

void Process::failed(const std::string& why) {
  if (channel_) channel_->send({MessageType::failed, 0, why, Fd()});
}

void Process::add(Drainable& member) {
  members_.push_back(member);
  if (draining_) member.on_drain(quiet_, deadline_);
}

void Process::drain(Duration quiet, Duration deadline, bool goodbye) {
  if (std::exchange(draining_, true)) return;
  draining_since_ = monotonic_now();
  quiet_ = quiet;
  deadline_ = deadline;
  goodbye_ = goodbye;
  if (succession_) succession_->stop();
  if (goodbye && channel_) channel_->send({MessageType::goodbye, 0, {}, Fd()});
  members_.for_each([&](Drainable& member) { member.on_drain(quiet, deadline); });
}

}  // namespace brigade::cluster::detail

void brigade::cluster::disconnect() {
  const auto process = detail::Process::join();
  process->drain(process->own_quiet, process->own_deadline, true);
}
