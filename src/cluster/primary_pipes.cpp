// The program's own messages, as far as the primary has a part in them: a pipe to each worker,
// broadcasts from one to all others, introductions.
#include <fmt/format.h>

#include <cerrno>

#include "cluster/primary_core.hpp"

namespace brigade::cluster::detail {
namespace {

// A worker that dies in the middle of a message is reaped long before this.
constexpr Duration torn_pipe_patience = std::chrono::seconds(1);

}  // namespace

Result<Fd> PrimaryCore::open_pipe(WorkerProcess& worker) {
  auto ends = Pipe::make_pair();
  if (!ends) return ends.error();
  worker.carry_messages(std::make_shared<Messenger>(
      std::move(ends->first), fmt::format("worker {}", worker.id()),
      Messenger::Events{
          .on_closed = [this, &worker](const char* error) { pipe_closed(worker, error); },
          .on_broadcast =
              [this, &worker](std::string_view name, Frame& frame,
                              std::span<const std::byte> value) {
                relay(&worker, name, value, frame.descriptors);
                Broadcasts::instance().received(name, value, std::move(frame.descriptors));
              }}));
  if (message_handlers_) worker.messages->set_message_handler(message_handlers_(worker.handle()));
  if (request_handlers_) worker.messages->set_request_handler(request_handlers_(worker.handle()));
  return std::move(ends->second);
}

void PrimaryCore::pipe_closed(WorkerProcess& worker, const char* error) {
  if (error) return kill_for(worker, error);
  if (!worker.exit && worker.messages->pipe().ended_in_frame()) worker.arm_torn_pipe();
}

void WorkerProcess::arm_torn_pipe() {
  Loop::current().arm(torn_pipe_, torn_pipe_patience);
}

void WorkerProcess::TornPipe::on_timer() {
  worker.core_.kill_for(worker, "closed its pipe in the middle of a message");
}

void PrimaryCore::set_message_handlers(MessageHandlers<Worker> handlers) {
  message_handlers_ = std::move(handlers);
  for (auto& [id, worker] : workers_) {
    if (worker->messages->has_message_handler()) continue;
    worker->messages->set_message_handler(message_handlers_(worker->handle()));
  }
}

void PrimaryCore::set_request_handlers(RequestHandlers<Worker> handlers) {
  request_handlers_ = std::move(handlers);
  for (auto& [id, worker] : workers_) {
    if (worker->messages->has_request_handler()) continue;
    worker->messages->set_request_handler(request_handlers_(worker->handle()));
  }
}

// ---- Broadcasts ----

void PrimaryCore::relay(const WorkerProcess* from, std::string_view name,
                        std::span<const std::byte> value, const std::vector<Fd>& descriptors) {
  for (auto& [id, worker] : workers_) {
    if (worker.get() == from || worker->exit) continue;
    // One that does not read its messages misses this, and holds up nobody.
    static_cast<void>(worker->messages->post_broadcast(name, value, descriptors));
  }
}

Result<void> PrimaryCore::Route::send(std::string_view name, std::span<const std::byte> value,
                                      const std::vector<Fd>& descriptors) {
  core.relay(nullptr, name, value, descriptors);
  return {};
}

// ---- Introductions ----

WorkerProcess* PrimaryCore::find_sibling(const Introduce& wanted) {
  if (wanted.id == 0) return worker_at(wanted.number);
  const auto found = workers_.find(wanted.id);
  return found == workers_.end() || found->second->exit ? nullptr : found->second.get();
}

void PrimaryCore::introduce(WorkerProcess& worker, const Message& message) {
  IntroduceReply reply;
  Message answer{MessageType::introduce_reply, message.sequence, {}, Fd()};
  const auto wanted = Introduce::decode(message.body);
  WorkerProcess* sibling = wanted ? find_sibling(*wanted) : nullptr;
  const std::string whom = !wanted           ? "that"
                           : wanted->id != 0 ? fmt::format("with id {}", wanted->id)
                                             : fmt::format("at position {}", wanted->number);
  if (!sibling || !sibling->channel->open()) {
    reply = {.error = ENOENT, .text = fmt::format("there is no worker {}", whom)};
  } else if (sibling == &worker) {
    reply = {.error = EINVAL, .text = fmt::format("the worker {} is this one itself", whom)};
  } else if (auto ends = Pipe::make_pair()) {
    reply = {.id = sibling->id(), .number = sibling->number()};
    answer.fd = std::move(ends->first);
    sibling->channel->send({MessageType::introduced, 0,
                            Introduced{worker.id(), worker.number()}.encode(),
                            std::move(ends->second)});
  } else {
    reply = {.error = ends.error().code(), .text = ends.error().message()};
  }
  answer.body = reply.encode();
  worker.channel->send(std::move(answer));
}

}  // namespace brigade::cluster::detail
