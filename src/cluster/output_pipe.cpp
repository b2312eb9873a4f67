#include "cluster/output_pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace brigade::cluster::detail {
namespace {

// What a pipe holds by default: so much is there at once at most, and so much a turn may take.
constexpr std::size_t read_size = 16 * 1024;
constexpr int reads_of_the_rest = 64;

// More than the usual 64 KiB, so that a primary which is stopped for a while costs no lines.
constexpr int error_pipe_size = 256 * 1024;

}  // namespace

Result<std::pair<Fd, Fd>> OutputPipe::make_pair(WhenFull when_full) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "pipe");
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  if (when_full == WhenFull::it_loses) {
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    ::fcntl(ends[1], F_SETPIPE_SZ, error_pipe_size);  // refused: then it is smaller
  }
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

OutputPipe::OutputPipe(Fd read_end, Options options)
    : read_end_(std::move(read_end)), options_(std::move(options)), loop_(Loop::current()) {
  // Level-triggered, so that a turn may leave some for the next.
  if (!loop_.watch(read_end_.get(), EPOLLIN, *this)) {
    throw ErrorException(Error::from_errno(errno, "watch a worker's output"));
  }
}

OutputPipe::~OutputPipe() {
  if (read_end_) loop_.unwatch(read_end_.get(), *this);
}

void OutputPipe::close() {
  if (!line_.empty()) end_line();
  pass_on();
  if (!read_end_) return;
  loop_.unwatch(read_end_.get(), *this);
  read_end_.reset();
}

void OutputPipe::on_event(std::uint32_t) {
  read_some();
}

bool OutputPipe::read_some() {
  if (!read_end_) return false;
  std::array<char, read_size> buffer;
  const ssize_t got = ::read(read_end_.get(), buffer.data(), buffer.size());
  if (got < 0 && errno == EINTR) return true;
  if (got < 0 && errno == EAGAIN) return false;
  if (got <= 0) {
    close();
    return false;
  }
  take({buffer.data(), static_cast<std::size_t>(got)});
  pass_on();
  return true;
}

void OutputPipe::read_rest() {
  for (int reads = 0; reads < reads_of_the_rest && read_some(); ++reads) continue;
  if (!line_.empty()) end_line();
  pass_on();
}

void OutputPipe::take(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view piece = text.substr(0, std::min(end, max_line - line_.size()));
    line_ += piece;
    text.remove_prefix(piece.size());
    const bool ended = text.starts_with('\n');
    if (ended) text.remove_prefix(1);
    if (ended || line_.size() == max_line) end_line();
  }
}

void OutputPipe::end_line() {
  const std::string line = std::exchange(line_, {});
  if (options_.intercept && options_.intercept(line)) return;
  if (options_.pass_on) batch_.append(line).append(1, '\n');
  if (last_.size() == kept_lines) last_.pop_front();
  last_.emplace_back(line, 0, kept_line_bytes);
  if (options_.on_line) options_.on_line(line);
}

void OutputPipe::pass_on() {
  if (batch_.empty()) return;
  options_.pass_on->write(batch_);
  batch_.clear();
}

}  // namespace brigade::cluster::detail
