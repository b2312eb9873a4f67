// The files of the workers' programs.
//
// Invariant: a generation of workers runs one file of each path, whatever is deployed there
// meanwhile: it is opened when the generation first needs it, and every later start is from that
// descriptor.
#pragma once

#include <brigade/fd.hpp>
#include <brigade/result.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace brigade::cluster::detail {

class Programs {
 public:
  /// `running`: the generation whose program this process runs.
  explicit Programs(std::uint64_t running = 1);
  std::uint64_t running() const { return running_; }

  /// An O_PATH descriptor, which stays ours. An empty path means this program: for the
  /// running generation the very file that runs, later what is at its path. The Error says why it
  /// cannot be executed.
  Result<int> get(std::uint64_t generation, const std::string& path);

  /// Closes those of generations that are not needed any more.
  void keep_only(const std::function<bool(std::uint64_t generation)>& needed);

 private:
  std::uint64_t running_;
  std::string own_path_;
  std::map<std::pair<std::uint64_t, std::string>, Fd> opened_;
};

}  // namespace brigade::cluster::detail
