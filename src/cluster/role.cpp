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

Fd take(int number) {
  ::fcntl(number, F_SETFD, FD_CLOEXEC);
  return Fd(number);
}

Estate take_estate() {
  if (!is_socket(rejoin_read_fd) || !is_socket(rejoin_write_fd)) return {};
  return {take(rejoin_read_fd), take(rejoin_write_fd), take(will_fd)};
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
    out.channel = take(channel_fd);
    out.board = take(board_fd);
    if (is_socket(pipe_fd)) out.pipe = take(pipe_fd);
    out.estate = take_estate();
    if (::fcntl(primary_stderr_fd, F_GETFD) >= 0) out.primary_stderr = take(primary_stderr_fd);
  } else if (std::string_view(value) == heir_role && is_socket(rejoin_read_fd)) {
    out.heir = true;
    out.board = take(board_fd);
    out.estate = take_estate();
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
