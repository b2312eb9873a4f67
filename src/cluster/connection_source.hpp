// Where a server's connections come from, whatever the scheduling: the worker's side of it.
#pragma once

#include <memory>
#include <string>

#include "cluster/process.hpp"

namespace brigade::cluster::detail {

class Acceptor {
 public:
  virtual void on_connection(Fd connection) = 0;
  /// False: it has as many as it may have.
  virtual bool has_room() = 0;

 protected:
  ~Acceptor() = default;
};

class ConnectionSource {
 public:
  virtual ~ConnectionSource() = default;
  virtual const std::string& address() const = 0;
  virtual const std::string& key() const = 0;
  /// For good: takes what waits, then closes. False when it was stopped before.
  virtual bool stop() = 0;
  /// A connection here has ended: there may be room, or it may be our turn again.
  virtual void connection_ended() {}
};

/// `process` outlives it.
std::unique_ptr<ConnectionSource> make_source(Process& process, Process::Socket socket,
                                              Acceptor& acceptor);

}  // namespace brigade::cluster::detail
