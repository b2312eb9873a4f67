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
  Programs();

  /// An O_PATH descriptor, which stays ours. An empty path means this program: for the first
  /// generation the very file that runs, later what is at its path. The Error says why it cannot be
  /// executed.
  Result<int> get(std::uint64_t generation, const std::string& path);

  /// Closes those of generations that are not needed any more.
  void keep_only(const std::function<bool(std::uint64_t generation)>& needed);

 private:
  std::string own_path_;
  std::map<std::pair<std::uint64_t, std::string>, Fd> opened_;
};

}  // namespace brigade::cluster::detail
