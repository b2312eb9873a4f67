// What the control socket's clients ask for, done to a primary.
#pragma once

#include <brigade/cluster_control.hpp>
#include <brigade/result.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cluster/control_commands.hpp"
#include "cluster/control_place.hpp"
#include "cluster/control_server.hpp"
#include "cluster/reload_news.hpp"

namespace brigade::cluster {
class Worker;
}

namespace brigade::cluster::detail {

class PrimaryCore;

class PrimaryControl {
 public:
  /// Null when there is no place for the socket, which is said in the log: the app runs without.
  static std::unique_ptr<PrimaryControl> open(PrimaryCore& core, const ControlSocket& options);

  const std::string& path() const { return place_.path(); }

 private:
  struct Waiting {
    std::uint64_t client;
    unsigned reloads = 0;      // whose ends it waits for
    std::uint64_t worker = 0;  // or this worker's
    std::uint32_t position = 0;
  };

  PrimaryControl(PrimaryCore& core, ControlPlace place);
  void handle(ControlConnection& client, const std::string& text);
  bool may_wait(ControlConnection& client);
  void reload(ControlConnection& client);
  void restart(ControlConnection& client, std::uint32_t position);
  void set_level(ControlConnection& client, log::Level level);
  void begin_events(ControlConnection& client);
  void reload_news(const ReloadNews& news);
  void answer(const Waiting& waiting, const Value& value);
  void worker_gone(const Worker& worker);
  void refuse_all(std::string_view why);
  void tell_events();
  void tell(std::string_view event, const Worker& worker, Value more = {});
  void tell(std::string_view event, Value more);
  Value hello() const;

  PrimaryCore& core_;
  ControlPlace place_;
  std::vector<Waiting> waiting_;  // for something to end
  ControlServer server_;
};

}  // namespace brigade::cluster::detail
