// This process as a member of a cluster, or alone: where servers get their sockets, and from whom
// they hear that it is time to go.
#pragma once

#include <brigade/event.hpp>
#include <brigade/result.hpp>
#include <brigade/signal.hpp>
#include <brigade/task.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "cluster/channel.hpp"
#include "cluster/message.hpp"
#include "cluster/succession.hpp"
#include "cluster/unix_socket.hpp"

namespace brigade::cluster::detail {

/// Asked to stop accepting and to finish what it has.
class Drainable : public brigade::detail::ListNode {
 public:
  virtual void on_drain(Duration quiet, Duration deadline) = 0;

 protected:
  ~Drainable() = default;
};

/// What the primary hands to a worker for one address.
class Receiver {
 public:
  /// False: another worker should have it.
  virtual bool has_room() = 0;
  virtual void on_handed(Fd connection) = 0;
  /// Serves the socket of a position that has nobody, too; and no longer.
  virtual void stand_in(std::uint32_t position, Fd socket) = 0;
  virtual void stand_down(std::uint32_t position) = 0;

 protected:
  ~Receiver() = default;
};

/// A server that other workers may pass live connections to.
class Adopter {
 public:
  /// False: another worker should have it. `key` is what its
  /// client is known by, hashed; `bytes` were read from it already.
  virtual bool adopt(Fd& connection, std::uint64_t key, std::string_view bytes) = 0;

 protected:
  ~Adopter() = default;
};

/// One per loop; those who need it share it. Loop thread only.
///
/// A worker drains when its primary says so, on SIGTERM, and when its primary is gone and no other
/// is to come (see succession.hpp). It ignores
/// SIGINT: a terminal sends that to the whole group, and the primary answers it for all. Alone, a
/// process drains on either, and a second one ends it at once.
class Process {
 public:
  struct Socket {
    Fd fd;
    std::string address;
    unsigned board = 0;    // or no_board: no sibling knows it
    std::string key = {};  // for unlisten()
    Scheduling scheduling = Scheduling::balanced;
    SocketFile file = {};  // of a Unix socket that this process made itself
  };

  /// This loop's, made when there is none.
  static std::shared_ptr<Process> join();
  Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  /// A listening socket: the primary's, shared by all workers, or one of our own. Listening on the
  /// same fixed port twice is refused with EADDRINUSE, as it would be without a cluster. The
  /// ordinal is filled in. An answer that comes when nobody waits for it any more is given back.
  Task<Result<Socket>> listen(Listen wanted);
  /// The socket of this key is no longer used here. When the last worker has closed it, so does the
  /// primary; one that drains closes nothing.
  void unlisten(const std::string& key);
  /// Who gets what is handed over for a board's address, until it is removed.
  void add_receiver(unsigned board, Receiver& receiver) { receivers_[board] = &receiver; }
  void remove_receiver(unsigned board, const Receiver& receiver) {
    const auto found = receivers_.find(board);
    if (found != receivers_.end() && found->second == &receiver) receivers_.erase(found);
  }
  /// Where a client of this key belongs, of all positions that serve; nothing when that is here.
  std::optional<std::uint32_t> elsewhere(std::uint64_t key) const;
  /// A live connection, to the server of the same first socket at another position.
  void pass_on(const PassOn& order, std::string_view bytes, Fd connection);
  void add_adopter(const std::string& server, Adopter& adopter) { adopters_[server] = &adopter; }
  void remove_adopter(const std::string& server) { adopters_.erase(server); }
  /// Tells the primary that it serves now. The first of these makes the worker ready.
  void listening(const std::string& address);
  /// What goes wrong from then on is not a failed start.
  bool has_listened() const { return has_listened_; }

  /// Sends a request to the primary and waits for its answer, of whatever type.
  Task<Result<Message>> ask(MessageType type, std::string body);

  void add(Drainable& member);
  bool draining() const { return draining_; }
  bool has_primary() const { return channel_ != nullptr; }
  /// As the primary would; `goodbye` tells it that we go of our own will.
  void drain(Duration quiet, Duration deadline, bool goodbye);
  /// Tells the primary why this worker cannot start.
  void failed(const std::string& why);

  /// For a process that drains without a primary's word.
  Duration own_quiet = std::chrono::milliseconds(250);
  Duration own_deadline = std::chrono::seconds(30);
  /// Called with each address that this process listens on. May be empty.
  std::function<void(const std::string&)> on_listening;

 private:
  bool has_listened_ = false;
  struct Pending {
    MessageType type;
    std::string body;  // to ask the next primary
    Event answered = {};
    std::optional<Message> reply = {};  // none: the primary is gone
  };
  // What this worker has a duplicate of, for the next primary.
  struct Held {
    Listen wanted;
    std::string address;
    std::uint32_t board;
    Fd fd;
  };

  void received(Message message);
  void handed(Message message);
  void stand_in(Message message);
  void adopt(Message message);
  Receiver* receiver(unsigned board);
  void open_channel(Fd socket);
  void lost_primary(const char* error);
  void no_primary_comes();
  Result<Hello> offer();
  void stop_signal(int signal);

  std::unique_ptr<Channel> channel_;
  std::unique_ptr<Succession> succession_;  // null: the death of the primary is the end
  std::map<std::string, Held> held_;        // by key
  std::vector<std::string> listening_;
  bool goodbye_ = false;
  std::vector<std::unique_ptr<SignalWatch>> signals_;
  brigade::detail::List<Drainable> members_;
  std::map<std::uint32_t, Pending*> pending_;
  std::map<unsigned, Receiver*> receivers_;
  std::map<std::string, Adopter*> adopters_;
  std::string parts_;  // of the connection that is being passed to us
  std::set<std::string> used_;
  std::map<std::string, std::uint32_t> ordinals_;
  std::uint32_t next_sequence_ = 1;
  bool draining_ = false;
  TimePoint draining_since_{};
  Duration quiet_{};
  Duration deadline_{};
};

}  // namespace brigade::cluster::detail
