#include "cluster/error_sink.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace brigade::cluster::detail {

ErrorSink::ErrorSink(int fd) : fd_(fd) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return;
  socket_ = S_ISSOCK(facts.st_mode);
  file_ = !socket_ && !S_ISFIFO(facts.st_mode) && !S_ISCHR(facts.st_mode);
  if (socket_ || file_) return;
  // May be refused: a terminal or pipe of the user we were before a change of user.
  reopened_ = Fd(::open(fmt::format("/proc/self/fd/{}", fd).c_str(),
                        O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

void ErrorSink::write(std::string_view lines) {
  if (!rest_.empty() && !write_piece(std::exchange(rest_, {}))) {
    dropped_ += static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
    return;
  }
  while (!lines.empty()) {
    // As many lines as go at once; one that is longer goes alone.
    std::size_t size =
        lines.size() <= PIPE_BUF ? std::string_view::npos : lines.substr(0, PIPE_BUF).rfind('\n');
    if (lines.size() > PIPE_BUF && size == std::string_view::npos) size = lines.find('\n');
    const std::string_view piece =
        size == std::string_view::npos ? lines : lines.substr(0, size + 1);
    if (!report_dropped() || !rest_.empty() || !write_piece(piece)) break;
    lines.remove_prefix(piece.size());
  }
  dropped_ += static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
}

bool ErrorSink::report_dropped() {
  if (dropped_ == reported_) return true;
  const std::string line = fmt::format(
      "brigade: {} lines of workers' standard error are lost: it is not read fast "
      "enough\n",
      dropped_ - reported_);
  if (!write_piece(line)) return false;
  reported_ = dropped_;
  return true;
}

bool ErrorSink::write_piece(std::string_view piece) {
  const long wrote = write_some(piece);
  if (wrote < 0) return false;
  rest_ = piece.substr(static_cast<std::size_t>(wrote));
  return true;
}

long ErrorSink::write_some(std::string_view text) {
  while (true) {
    ssize_t wrote = -1;
    if (socket_) {
      wrote = ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (reopened_ || file_) {
      wrote = ::write(reopened_ ? reopened_.get() : fd_, text.data(), text.size());
    } else {
      // A pipe that is ready takes PIPE_BUF bytes, unless somebody else was faster.
      pollfd ready{fd_, POLLOUT, 0};
      if (::poll(&ready, 1, 0) <= 0 || (ready.revents & POLLOUT) == 0) return -1;
      wrote = ::write(fd_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    }
    if (wrote >= 0 || errno != EINTR) return wrote;
  }
}

}  // namespace brigade::cluster::detail
