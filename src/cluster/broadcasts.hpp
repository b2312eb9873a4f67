// Messages to all processes of a cluster, by a name.
#pragma once

#include <brigade/message_handler.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "cluster/pipe_decoder.hpp"

namespace brigade::cluster::detail {

/// Where this process's broadcasts go: to its primary, or to its workers.
class BroadcastRoute {
 public:
  virtual Result<void> send(std::string_view name, std::span<const std::byte> value,
                            const std::vector<Fd>& descriptors) = 0;

 protected:
  ~BroadcastRoute() = default;
};

/// This process's handlers and route. Main thread.
class Broadcasts {
 public:
  static constexpr std::size_t max_name_bytes = 255;

  static Broadcasts& instance();

  void set_handler(std::string name, std::shared_ptr<brigade::detail::MessageHandler> handler);
  bool has_handlers() const { return !handlers_.empty(); }
  Result<void> send(std::string_view name, Value&& message);
  /// What another process has sent.
  void received(std::string_view name, std::span<const std::byte> value,
                std::vector<Fd> descriptors);

  BroadcastRoute* route = nullptr;

 private:
  std::map<std::string, std::shared_ptr<brigade::detail::MessageHandler>, std::less<>> handlers_;
};

}  // namespace brigade::cluster::detail
