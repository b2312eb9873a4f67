#include "cluster/role.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace brigade::cluster::detail {
namespace {

template <class T>
bool take_number(std::string_view& text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end == text.data()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(',')) text.remove_prefix(1);
  return true;
}

bool is_socket(int fd) {
  struct stat facts {};
  return ::fstat(fd, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

Role read_role() {
  Role out;
  const char* value = ::secure_getenv(role_variable);
  if (!value) return out;
  std::string_view text(value);
  // Somebody may have set the variable by hand: without the primary's socket we are no worker.
  if (take_number(text, out.id) && take_number(text, out.number) && take_number(text, out.slot) &&
      text.empty() && is_socket(channel_fd)) {
    out.worker = true;
    out.channel = Fd(channel_fd);
    out.board = Fd(board_fd);
    ::fcntl(channel_fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(board_fd, F_SETFD, FD_CLOEXEC);
    if (is_socket(pipe_fd)) {
      out.pipe = Fd(pipe_fd);
      ::fcntl(pipe_fd, F_SETFD, FD_CLOEXEC);
    }
    if (::fcntl(primary_stderr_fd, F_SETFD, FD_CLOEXEC) == 0) {
      out.primary_stderr = Fd(primary_stderr_fd);
    }
  }
  ::unsetenv(role_variable);
  return out;
}

}  // namespace

Role& role() {
  static auto* const instance =
      new Role(read_role());  // never destroyed: used until the last moment
  return *instance;
}

namespace {
__attribute__((constructor(101))) void read_role_before_the_program() {
  role();
}
}  // namespace

}  // namespace brigade::cluster::detail
