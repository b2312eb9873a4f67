// What workers ask of their primary, and tell it.
#include <brigade/log.hpp>

#include <cerrno>

#include "cluster/primary_core.hpp"
#include "cluster/shared_names.hpp"

namespace brigade::cluster::detail {

void PrimaryCore::received(WorkerProcess& worker, Message message) {
  tell_fork(worker);
  switch (message.type) {
    case MessageType::online:
      if (worker.state != WorkerState::starting) return;
      worker.state = WorkerState::online;
      worker.cgroup_file = OomKills::file_of(worker.pid);
      oom_kills_.watch(worker.cgroup_file);
      look_after(worker);
      board_.entry(worker.slot()).set_state(WorkerState::online);
      return tell(on_online, worker.handle());
    case MessageType::listen:
      return sockets_.listen_for(worker, message);
    case MessageType::unlisten:
      return sockets_.unlisten(worker, message);
    case MessageType::connection_reply:
      return sockets_.answered(worker, message);
    case MessageType::stood_in:
      return sockets_.stood_in(worker, message);
    case MessageType::pass_part:
      return passing_.part(worker, message);
    case MessageType::pass_on:
      return passing_.pass(worker, std::move(message));
    case MessageType::pass_reply:
      return passing_.answered(worker, message);
    case MessageType::listening:
      return now_listening(worker, message.body);
    case MessageType::failed:
      worker.failure = message.body;
      return;
    case MessageType::goodbye:
      worker.said_goodbye = true;
      worker.blame(ExitCause::requested);
      supervisor_.said_goodbye(worker.id(), loop_.read_clock());
      return carry_out();
    case MessageType::busy:
      return look_after(worker);
    case MessageType::share:
      return share_with(worker, message);
    case MessageType::introduce:
      return introduce(worker, message);
    case MessageType::listen_reply:
    case MessageType::drain:
    case MessageType::share_reply:
    case MessageType::connection:
    case MessageType::stand_in:
    case MessageType::stand_down:
    case MessageType::log_level:
    case MessageType::introduce_reply:
    case MessageType::introduced:
    case MessageType::welcome:
      return;  // ours to say, not theirs
  }
}

// Those that could take a connection.
std::vector<WorkerProcess*> PrimaryCore::serving() {
  std::vector<WorkerProcess*> out;
  for (auto& [id, worker] : workers_) {
    if (worker->state == WorkerState::listening && !worker->exit && worker->channel->open())
      out.push_back(worker.get());
  }
  return out;
}

void PrimaryCore::share_with(WorkerProcess& worker, const Message& message) {
  ShareReply reply;
  Message answer{MessageType::share_reply, message.sequence, {}, Fd()};
  const auto wanted = Share::decode(message.body);
  if (!wanted) {
    reply = {EINVAL, "the primary did not understand the request for shared memory"};
  } else if (auto memory = SharedNames::instance().descriptor(*wanted, options_.max_shared_bytes)) {
    answer.fd = std::move(*memory);
  } else {
    reply = {memory.error().code(), memory.error().message()};
  }
  answer.body = reply.encode();
  worker.channel->send(std::move(answer));
}

void PrimaryCore::set_log_level(log::Level level) {
  log::set_level(level);
  log_level_ = level;
  for (auto& [id, worker] : workers_) {
    worker->channel->send({MessageType::log_level, 0, std::string(log::name_of(level)), Fd()});
  }
}

WorkerProcess* PrimaryCore::worker_at(std::uint32_t position) {
  const auto& positions = supervisor_.positions();
  if (position >= positions.size()) return nullptr;
  const auto found = workers_.find(positions[position].worker);
  return found == workers_.end() ? nullptr : found->second.get();
}

void PrimaryCore::now_listening(WorkerProcess& worker, const std::string& address) {
  if (worker.exit) return;
  if (!worker.listening_since) {
    worker.listening_since = loop_.read_clock();
    log::debug("worker {} (pid {}) listens after {:.2f} ms", worker.id(), worker.pid,
               std::chrono::duration<double, std::milli>(*worker.listening_since - worker.started)
                   .count());
  }
  if (!worker.draining) {
    worker.state = WorkerState::listening;
    board_.entry(worker.slot()).set_state(WorkerState::listening);
  }
  tell(on_listening, worker.handle(), address);
  supervisor_.listens(worker.id(), loop_.read_clock());
  carry_out();
}

}  // namespace brigade::cluster::detail
