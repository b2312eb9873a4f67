// Who holds a port: the socket's inode from /proc/net/tcp{,6}, then the process with that inode
// open.
#include <brigade/system.hpp>

#include "base/files.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <sstream>

namespace brigade {
namespace {

constexpr std::string_view listen_state = "0A";

std::string listening_inode(const std::string& table, unsigned short port) {
  std::istringstream lines(table);
  std::string line;
  const std::string wanted = fmt::format(":{:04X}", port);
  while (std::getline(lines, line)) {
    // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
    std::istringstream words(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >>
        inode;
    if (state == listen_state && local.ends_with(wanted)) return inode;
  }
  return {};
}

bool holds(const std::filesystem::path& process, const std::string& link) {
  // Not a range-for: its increment throws when the process goes meanwhile.
  std::error_code error;
  std::error_code ignored;
  for (std::filesystem::directory_iterator at(process / "fd", error), end; !error && at != end;
       at.increment(error)) {
    if (std::filesystem::read_symlink(at->path(), ignored) == link) return true;
  }
  return false;
}

}  // namespace

std::string who_listens_on(unsigned short port) {
  std::string inode = listening_inode(detail::read_small_file("/proc/net/tcp"), port);
  if (inode.empty()) inode = listening_inode(detail::read_small_file("/proc/net/tcp6"), port);
  if (inode.empty()) return {};
  const std::string link = "socket:[" + inode + "]";
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc", error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (!holds(at->path(), link)) continue;
    std::string command = detail::read_small_file(at->path() / "comm");
    if (command.ends_with('\n')) command.pop_back();
    return fmt::format("pid {} ({})", name, command);
  }
  return {};
}

}  // namespace brigade
