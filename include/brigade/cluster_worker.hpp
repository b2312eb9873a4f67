// A worker's own side of the cluster: itself, its primary, its siblings.
//
//     cluster::this_worker().on_message([](Job job) { … });
//     cluster::this_worker().post_message(Done{…}).value();
//
//     auto sibling = co_await cluster::worker_at(2);
//     auto answer = co_await sibling.value().request<Answer>(Question{…}, 1s);
//
//     cluster::on_broadcast("settings", [](Settings settings) { … });
//     cluster::broadcast("settings", settings).value();
#pragma once

#include <brigade/cluster_peer.hpp>

#include <string>
#include <string_view>

#include <sys/types.h>

namespace brigade::cluster {

namespace detail {
class WorkerMessages;
}

/// This process as a worker. As a Peer it is the primary: messages sent to it go there. What is
/// still in the queue when the loop ends, or the program calls exit(), is sent before.
///
/// A handler keeps the loop alive (run_main waits for it) until the worker drains or its primary is
/// gone. Handlers may be set before there is a loop.
///
/// Thread: the main thread.
class ThisWorker final : public Peer {
 public:
  /// 1, 2, 3, …; 0 in a process that is no worker, where nothing can be sent (ENOTCONN).
  std::uint64_t id() const;
  std::uint32_t number() const;
  pid_t pid() const;
  /// Leaves of its own will: cluster::disconnect().
  void disconnect();
  /// It has been told to leave, by whomever, or has lost its primary: servers stop by themselves,
  /// tasks should come to an end.
  bool is_draining() const;
  /// Called once, when that begins; at once when it has.
  void on_drain(std::function<void()> handler);

 private:
  friend class detail::WorkerMessages;
  void set_message_handler(std::shared_ptr<brigade::detail::MessageHandler> handler) override;
  void set_request_handler(std::shared_ptr<detail::RequestHandler> handler) override;
};

/// Throws std::logic_error on another thread than the main one.
ThisWorker& this_worker();

/// Another worker of the same primary. Copies are handles on one connection, which ends with either
/// process (is_connected(), on_close()). No replacement takes it over.
class Sibling final : public Peer {
 public:
  Sibling() = default;
  Sibling(std::shared_ptr<detail::Messenger> messenger, std::uint64_t id, std::uint32_t number)
      : Peer(std::move(messenger)), id_(id), number_(number) {}
  std::uint64_t id() const { return id_; }
  std::uint32_t number() const { return number_; }

 private:
  friend class detail::WorkerMessages;
  std::uint64_t id_ = 0;
  std::uint32_t number_ = 0;
};

/// In a worker: a direct connection to another one, by its id, or to the one that serves at a
/// position. The primary introduces the two, and has no part in it afterwards; the connection that
/// is there is used again. Errors: ENOENT, there is no such worker; EINVAL, it is this one;
/// ENOTCONN, this process is no worker; EPIPE, the primary is gone.
Task<Result<Sibling>> worker(std::uint64_t id);
Task<Result<Sibling>> worker_at(std::uint32_t number);

namespace detail {
void set_sibling_message_handlers(MessageHandlers<Sibling> handlers);
void set_sibling_request_handlers(RequestHandlers<Sibling> handlers);
void set_broadcast_handler(std::string name,
                           std::shared_ptr<brigade::detail::MessageHandler> handler);
Result<void> broadcast(std::string_view name, Value&& message);
}  // namespace detail

/// In a worker: calls `handler(sibling, message)` for each message of a sibling for which nothing
/// else was set (Sibling::on_message).
template <class Function>
void on_worker_message(Function handler) {
  detail::set_sibling_message_handlers(detail::message_handlers<Sibling>(std::move(handler)));
}
/// The same for requests: the handler returns the answer, or a Task of it.
template <class Function>
void on_worker_request(Function handler) {
  detail::set_sibling_request_handlers(detail::request_handlers<Sibling>(std::move(handler)));
}

/// To all other processes of the cluster, the primary among them, that have a handler for `name`
/// (at most 255 bytes), by way of the primary. Each sender's arrive in order. Never waits: a
/// receiver whose queue is full misses it, nobody else does. Errors: EAGAIN, the queue to the
/// primary is full; EPIPE; EINVAL for a message with ports or descriptors, which could arrive at
/// one place only. Shared buffers are shared. From the primary or a worker's main thread.
template <class T>
Result<void> broadcast(std::string_view name, T&& message) {
  Result<Value> value = detail::value_of(std::forward<T>(message));
  if (!value) return Error(EINVAL, value.error().message());
  return detail::broadcast(name, std::move(*value));
}
/// Calls `handler` for each broadcast of another process under `name`, one handler for each name.
/// There is none from before it was set.
template <class Function>
void on_broadcast(std::string name, Function handler) {
  detail::set_broadcast_handler(std::move(name),
                                brigade::detail::make_message_handler(std::move(handler)));
}

}  // namespace brigade::cluster
