#include "cluster/worker_messages.hpp"

#include <brigade/cluster.hpp>
#include <brigade/log.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>

#include "cluster/role.hpp"

namespace brigade::cluster {
namespace detail {
namespace {

// A primary that is stopped must not keep its workers from exiting for ever.
constexpr Duration flush_patience = std::chrono::seconds(5);

WorkerMessages* live = nullptr;

// What the program wants to be called, whether there is a loop yet or not.
struct Wishes {
  std::shared_ptr<MessageHandler> message;
  std::shared_ptr<RequestHandler> request;
  MessageHandlers<Sibling> sibling_message;
  RequestHandlers<Sibling> sibling_request;
  std::function<void()> drain;

  bool any() const {
    return message || request || drain || sibling_message || sibling_request ||
           Broadcasts::instance().has_handlers();
  }
};

Wishes& wishes() {
  static auto* const all = new Wishes;  // until the last moment of the process
  return *all;
}

bool on_main_thread() {
  return ::gettid() == ::getpid();
}

}  // namespace

// ---- Its life ----

ThisWorker& WorkerMessages::self() {
  static auto* const worker = new ThisWorker;
  if (!on_main_thread()) {
    throw std::logic_error("the cluster's messages belong to a worker's main thread");
  }
  return *worker;
}

WorkerMessages& WorkerMessages::instance() {
  self();
  if (!live) {
    live = new WorkerMessages(Process::join());  // deletes itself with the loop
    static const bool registered = std::atexit(&flush_at_exit) == 0;
    static_cast<void>(registered);
  }
  return *live;
}

void WorkerMessages::wishes_changed() {
  if (!is_worker()) return;
  if (live || Loop::try_current()) return instance().set_handlers();
  self();  // throws on the wrong thread
  brigade::detail::on_next_loop([] { instance(); });
}

// For a program that calls exit() while its loop is there.
void WorkerMessages::flush_at_exit() {
  if (live && live->primary_ && on_main_thread()) live->primary_->pipe().flush_now(flush_patience);
}

WorkerMessages::WorkerMessages(std::shared_ptr<Process> process)
    : loop_(Loop::current()), process_(std::move(process)) {
  loop_.add_client(*this);
  process_->add(*this);
  if (Fd pipe = std::move(role().pipe); pipe) {
    primary_ = std::make_shared<Messenger>(
        std::move(pipe), "the primary",
        Messenger::Events{
            .on_closed =
                [this](const char* error) {
                  if (error) log::error("the primary {}: its messages are read no more", error);
                  let_loop_end();
                },
            .on_broadcast =
                [](std::string_view name, Frame& frame, std::span<const std::byte> value) {
                  Broadcasts::instance().received(name, value, std::move(frame.descriptors));
                }});
    self().messenger_ = primary_;
    Broadcasts::instance().route = this;
  }
  set_handlers();
}

WorkerMessages::~WorkerMessages() {
  live = nullptr;
  if (primary_) Broadcasts::instance().route = nullptr;
  let_loop_end();
  for (const Sibling& sibling : siblings_) sibling.messenger_->pipe().flush_now(flush_patience);
  if (primary_) primary_->pipe().flush_now(flush_patience);
  for (const Sibling& sibling : siblings_) sibling.messenger_->close();
  if (primary_) primary_->close();
}

void WorkerMessages::set_handlers() {
  const Wishes& wanted = wishes();
  if (primary_ && wanted.message) primary_->set_message_handler(wanted.message);
  if (primary_ && wanted.request) primary_->set_request_handler(wanted.request);
  for (Sibling& sibling : siblings_) set_handlers_of(sibling);
  if (wanted.any()) keep_loop();
  if (wanted.drain && process_->draining()) std::exchange(wishes().drain, nullptr)();
}

void WorkerMessages::on_drain(Duration, Duration) {
  let_loop_end();
  if (const auto handler = std::exchange(wishes().drain, nullptr)) handler();
}

void WorkerMessages::set_handlers_of(Sibling& sibling) {
  const Wishes& wanted = wishes();
  Messenger& messenger = *sibling.messenger_;
  if (wanted.sibling_message && !messenger.has_message_handler()) {
    messenger.set_message_handler(wanted.sibling_message(sibling));
  }
  if (wanted.sibling_request && !messenger.has_request_handler()) {
    messenger.set_request_handler(wanted.sibling_request(sibling));
  }
}

void WorkerMessages::keep_loop() {
  if (lets_loop_end_ || std::exchange(keeps_loop_, true)) return;
  loop_.ref();
}

void WorkerMessages::let_loop_end() {
  lets_loop_end_ = true;
  if (std::exchange(keeps_loop_, false)) loop_.unref();
}

Result<void> WorkerMessages::send(std::string_view name, std::span<const std::byte> value,
                                  const std::vector<Fd>& descriptors) {
  return primary_->post_broadcast(name, value, descriptors);
}

// ---- Siblings ----

const Sibling* WorkerMessages::find(std::uint64_t id) const {
  const auto found = std::find_if(siblings_.begin(), siblings_.end(), [&](const Sibling& each) {
    return each.id() == id && each.is_connected();
  });
  return found == siblings_.end() ? nullptr : &*found;
}

const Sibling* WorkerMessages::find_at(std::uint32_t number) const {
  const auto found = std::find_if(siblings_.begin(), siblings_.end(), [&](const Sibling& each) {
    return each.number() == number && each.is_connected();
  });
  return found == siblings_.end() ? nullptr : &*found;
}

// Not when they go: their handlers refer to them, and may be running.
void WorkerMessages::forget_those_that_are_gone() {
  std::erase_if(siblings_, [](const Sibling& each) {
    if (each.is_connected() || each.messenger_->busy()) return false;
    each.messenger_->close();
    return true;
  });
}

const Sibling& WorkerMessages::add(std::uint64_t id, std::uint32_t number, Fd pipe) {
  forget_those_that_are_gone();
  auto messenger = std::make_shared<Messenger>(
      std::move(pipe), fmt::format("worker {}", id),
      Messenger::Events{.on_closed = [id](const char* error) {
        if (error) log::error("worker {} {}: the connection to it is closed", id, error);
      }});
  Sibling& added = siblings_.emplace_back(std::move(messenger), id, number);
  set_handlers_of(added);
  return added;
}

void WorkerMessages::introduced(const Introduced& who, Fd pipe) {
  if (on_main_thread()) instance().add(who.id, who.number, std::move(pipe));
}

namespace {

Error introduction_failed(const Result<Message>& answer) {
  return answer ? Error(EPROTO, "the primary's answer makes no sense") : answer.error();
}

Task<Result<Sibling>> introduce(Introduce wanted) {
  if (!is_worker()) {
    co_return Error(ENOTCONN, "this process is no worker: a primary has Primary::workers()");
  }
  WorkerMessages& messages = WorkerMessages::instance();
  const Sibling* known =
      wanted.id != 0 ? messages.find(wanted.id) : messages.find_at(wanted.number);
  if (known) co_return *known;
  auto answer = co_await messages.process().ask(MessageType::introduce, wanted.encode());
  if (!answer) co_return introduction_failed(answer);
  const auto reply = IntroduceReply::decode(answer->body);
  if (!reply || answer->type != MessageType::introduce_reply) co_return introduction_failed(answer);
  if (reply->error != 0) co_return Error(reply->error, reply->text);
  // Two tasks may have asked, or the sibling at the same time: the first connection serves all.
  if (const Sibling* first = messages.find(reply->id)) co_return *first;
  co_return messages.add(reply->id, reply->number, std::move(answer->fd));
}

}  // namespace

void set_sibling_message_handlers(MessageHandlers<Sibling> handlers) {
  wishes().sibling_message = std::move(handlers);
  WorkerMessages::wishes_changed();
}

void set_sibling_request_handlers(RequestHandlers<Sibling> handlers) {
  wishes().sibling_request = std::move(handlers);
  WorkerMessages::wishes_changed();
}

void set_broadcast_handler(std::string name, std::shared_ptr<MessageHandler> handler) {
  Broadcasts::instance().set_handler(std::move(name), std::move(handler));
  WorkerMessages::wishes_changed();
}

Result<void> broadcast(std::string_view name, Value&& message) {
  if (is_worker()) WorkerMessages::instance();
  return Broadcasts::instance().send(name, std::move(message));
}

}  // namespace detail

// ---- What the program sees ----

Task<Result<Sibling>> worker(std::uint64_t id) {
  return detail::introduce({.id = id});
}

Task<Result<Sibling>> worker_at(std::uint32_t number) {
  return detail::introduce({.number = number});
}

ThisWorker& this_worker() {
  // Connected as soon as it can be, so that it can send.
  if (is_worker() && Loop::try_current()) detail::WorkerMessages::instance();
  return detail::WorkerMessages::self();
}

std::uint64_t ThisWorker::id() const {
  return detail::role().id;
}
std::uint32_t ThisWorker::number() const {
  return detail::role().number;
}
pid_t ThisWorker::pid() const {
  return ::getpid();
}
void ThisWorker::disconnect() {
  cluster::disconnect();
}
bool ThisWorker::is_draining() const {
  return is_worker() && Loop::try_current() &&
         detail::WorkerMessages::instance().process().draining();
}
void ThisWorker::on_drain(std::function<void()> handler) {
  detail::wishes().drain = std::move(handler);
  detail::WorkerMessages::wishes_changed();
}
void ThisWorker::set_message_handler(std::shared_ptr<brigade::detail::MessageHandler> handler) {
  detail::wishes().message = std::move(handler);
  detail::WorkerMessages::wishes_changed();
}
void ThisWorker::set_request_handler(std::shared_ptr<detail::RequestHandler> handler) {
  detail::wishes().request = std::move(handler);
  detail::WorkerMessages::wishes_changed();
}

}  // namespace brigade::cluster
