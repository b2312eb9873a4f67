#include <brigade/cluster.hpp>
#include <brigade/cluster_shared.hpp>
#include <brigade/loop.hpp>

#include <unistd.h>

#include <cerrno>
#include <limits>
#include <memory>

#include "cluster/process.hpp"
#include "cluster/role.hpp"
#include "cluster/shared_names.hpp"

namespace brigade::cluster {
namespace {

/// The main thread's process object, and with it the channel to the primary, until its loop ends:
/// it must not go with the last wait, before a server has joined it.
class Kept final : public brigade::detail::LoopClient {
 public:
  explicit Kept(std::shared_ptr<detail::Process> process) : process_(std::move(process)) {
    Loop::current().add_client(*this);
  }
  void on_loop_end() override { delete this; }

 private:
  std::shared_ptr<detail::Process> process_;
};

std::shared_ptr<detail::Process> main_threads_process() {
  static std::weak_ptr<detail::Process> kept;
  std::shared_ptr<detail::Process> out = kept.lock();
  if (out) return out;
  kept = out = detail::Process::join();
  new Kept(out);  // deletes itself
  return out;
}

/// What the primary gives a worker under that name.
Task<Result<Fd>> ask_primary(detail::Share wanted) {
  if (::gettid() != ::getpid()) {
    co_return Error(ENOTCONN, "shared memory \"" + wanted.name +
                                  "\": ask for it on the worker's main thread first, it has the "
                                  "channel to the primary; then every thread gets it");
  }
  const auto process = main_threads_process();
  auto answer = co_await process->ask(detail::MessageType::share, wanted.encode());
  if (!answer) co_return answer.error();
  const auto reply = detail::ShareReply::decode(answer->body);
  if (!reply || answer->type != detail::MessageType::share_reply) {
    co_return Error(EPROTO, "the primary's answer makes no sense");
  }
  if (reply->error != 0) co_return Error(reply->error, reply->text);
  co_return std::move(answer->fd);
}

// What the program itself wants is its own affair: the limit is for what workers ask.
constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

}  // namespace

Task<Result<SharedBuffer>> shared_buffer(std::string name, std::size_t size,
                                         SharedOptions options) {
  const detail::Share wanted{.name = std::move(name), .size = size, .max_size = options.max_size};
  detail::SharedNames& names = detail::SharedNames::instance();
  if (is_primary()) co_return names.get(wanted, no_limit);
  auto found = names.find(wanted);
  if (!found) co_return found.error();
  if (*found) co_return std::move(**found);
  auto memory = co_await ask_primary(wanted);
  if (!memory) co_return memory.error();
  auto buffer = SharedBuffer::attach(std::move(*memory));
  if (!buffer) co_return buffer.error();
  co_return names.add(wanted, std::move(*buffer));
}

Task<Result<SharedRing>> shared_ring(std::string name, SharedRingOptions options) {
  if (options.producers == 0) {  // which would mean a buffer
    co_return Error(EINVAL, "shared ring \"" + name + "\": 0 producers");
  }
  const detail::Share wanted{.name = std::move(name),
                             .size = options.capacity,
                             .producers = options.producers,
                             .checksum = options.checksum ? 1U : 0U};
  detail::SharedNames& names = detail::SharedNames::instance();
  if (is_primary()) co_return names.get_ring(wanted, no_limit);
  auto found = names.find_ring(wanted);
  if (!found) co_return found.error();
  if (*found) co_return std::move(**found);
  auto memory = co_await ask_primary(wanted);
  if (!memory) co_return memory.error();
  auto ring = SharedRing::attach(std::move(*memory));
  if (!ring) co_return ring.error();
  co_return names.add_ring(wanted, std::move(*ring));
}

}  // namespace brigade::cluster
