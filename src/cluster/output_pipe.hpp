// What a worker writes to its standard output or error, as its primary reads it.
#pragma once

#include <brigade/loop.hpp>
#include <brigade/result.hpp>

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace brigade::cluster::detail {

/// Cuts the stream into lines, keeps the last of them, and hands all of them on. Loop thread only.
class OutputPipe final : private Watcher {
 public:
  static constexpr std::size_t max_line = 8192;  // bytes; a longer one comes in pieces
  static constexpr std::size_t kept_lines = 20;
  static constexpr std::size_t kept_line_bytes = 512;  // of each

  struct Options {
    /// Each line without its end. Must not destroy the pipe. May be empty.
    std::function<void(std::string_view line)> on_line = {};
    /// Everything is written there as well, as it comes; -1: nowhere.
    int copy_to = -1;
  };

  OutputPipe(Fd read_end, Options options);
  OutputPipe(const OutputPipe&) = delete;
  OutputPipe& operator=(const OutputPipe&) = delete;
  ~OutputPipe();

  /// The end to read from does not block; the other one, which the program gets, does.
  static Result<std::pair<Fd, Fd>> make_pair();

  /// Reads what has come, without waiting for the loop to notice: for the moment a child is reaped.
  /// Then the beginning of a line counts as a line.
  void read_rest();
  const std::deque<std::string>& last_lines() const { return last_; }

 private:
  void on_event(std::uint32_t events) override;
  /// False when there is nothing more for now.
  bool read_some();
  void take(std::string_view text);
  void end_line();
  void close();

  Fd read_end_;
  Options options_;
  Loop& loop_;
  std::string line_;
  std::deque<std::string> last_;
};

}  // namespace brigade::cluster::detail
