// The owner's side of a worker thread: its handlers, and what they have not taken yet.
#pragma once

#include <functional>
#include <memory>

#include "threads/thread.hpp"
#include "threads/worker_core.hpp"

namespace brigade::threads::detail {

class WorkerOwner final : public brigade::detail::MailPump {
 public:
  WorkerOwner(std::unique_ptr<ThreadEntry> entry, WorkerOptions options);
  ~WorkerOwner();

  void set_handler(std::shared_ptr<brigade::detail::MessageHandler> handler);
  bool exited() const { return exited_; }
  brigade::detail::Mailbox& held() { return held_; }
  WorkerCore& core() { return *core_; }
  ExitWait wait_for_exit(bool rethrows) { return ExitWait(core_, this, rethrows); }
  bool begin_wait(ExitWait& wait);
  std::optional<Duration> cpu_time() const;
  bool is_online() const { return online_; }

  std::function<void()> on_online;
  std::function<void(const MessageError&)> on_message_error;
  std::function<void(std::string_view text, bool is_error)> on_output;
  std::function<void(std::exception_ptr error)> on_error;
  std::function<void(int code)> on_exit;

 private:
  // Handlers set late find messages in `held_`; this hands them over before anything newer.
  struct Flush final : brigade::detail::ReadyNode {
    explicit Flush(WorkerOwner& its_owner) : owner(its_owner) {}
    void on_ready() override;
    WorkerOwner& owner;
  };

  void on_envelope(brigade::detail::Envelope& envelope) override;
  void on_worker_message(brigade::detail::Envelope& envelope);
  void on_worker_error();
  void on_worker_exit();
  void tell_of_end(ExitWait& wait);
  bool hand_over_held();
  void handle(Value&& message);

  std::shared_ptr<WorkerCore> core_;
  brigade::detail::Thread thread_;
  brigade::detail::Mailbox held_;  // messages, while there is no handler
  std::shared_ptr<brigade::detail::MessageHandler> handler_;
  Flush flush_;
  brigade::detail::List<ExitWait> waiting_;
  std::exception_ptr unheard_;  // what escaped from the thread, for the first who waits for its end
  bool online_ = false;
  bool exited_ = false;
  bool* destroyed_ = nullptr;  // set while it calls out
};

}  // namespace brigade::threads::detail
