#include "cluster/connection_source.hpp"

#include <map>

#include "cluster/listener.hpp"

namespace brigade::cluster::detail {
namespace {

/// `round_robin`: the primary accepts. Our copy of its socket is only there to outlive it.
class HandedConnections final : public ConnectionSource, private Receiver {
 public:
  HandedConnections(Process& process, Process::Socket socket, Acceptor& acceptor)
      : process_(process), socket_(std::move(socket)), acceptor_(acceptor) {
    process_.add_receiver(socket_.board, *this);
  }
  ~HandedConnections() override { stop(); }

  const std::string& address() const override { return socket_.address; }
  const std::string& key() const override { return socket_.key; }
  bool stop() override {
    if (!socket_.fd) return false;
    process_.remove_receiver(socket_.board, *this);
    socket_.fd.reset();
    return true;
  }

 private:
  bool has_room() override { return acceptor_.has_room(); }
  void on_handed(Fd connection) override { acceptor_.on_connection(std::move(connection)); }
  void stand_in(std::uint32_t, Fd) override {}
  void stand_down(std::uint32_t) override {}

  Process& process_;
  Process::Socket socket_;
  Acceptor& acceptor_;
};

/// `reuse_port`: the socket of our position, and those of positions that nobody serves.
class PositionQueues final : public ConnectionSource, private Receiver {
 public:
  PositionQueues(Process& process, Process::Socket socket, Acceptor& acceptor)
      : process_(process),
        board_(socket.board),
        acceptor_(acceptor),
        own_(std::move(socket), acceptor) {
    process_.add_receiver(board_, *this);
  }
  ~PositionQueues() override { stop(); }

  const std::string& address() const override { return own_.address(); }
  const std::string& key() const override { return own_.key(); }
  bool stop() override {
    process_.remove_receiver(board_, *this);
    others_.clear();
    return own_.stop();
  }

 private:
  bool has_room() override { return false; }
  void on_handed(Fd) override {}
  void stand_in(std::uint32_t position, Fd socket) override {
    Process::Socket other{std::move(socket), own_.address(), no_board};
    other.scheduling = Scheduling::reuse_port;
    others_[position] = std::make_unique<Listener>(std::move(other), acceptor_);
  }
  void stand_down(std::uint32_t position) override { others_.erase(position); }

  Process& process_;
  unsigned board_;
  Acceptor& acceptor_;
  Listener own_;
  std::map<std::uint32_t, std::unique_ptr<Listener>> others_;  // by position
};

}  // namespace

std::unique_ptr<ConnectionSource> make_source(Process& process, Process::Socket socket,
                                              Acceptor& acceptor) {
  if (socket.scheduling == Scheduling::round_robin)
    return std::make_unique<HandedConnections>(process, std::move(socket), acceptor);
  if (socket.scheduling == Scheduling::reuse_port && socket.board != no_board)
    return std::make_unique<PositionQueues>(process, std::move(socket), acceptor);
  return std::make_unique<Listener>(std::move(socket), acceptor);
}

}  // namespace brigade::cluster::detail
