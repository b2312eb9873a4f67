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

#include "cluster/error_sink.hpp"

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
    /// Asked first, if set: true takes the line away from everybody else.
    std::function<bool(std::string_view line)> intercept = {};
    /// Every line is passed on there as well. Outlives the pipe. May be null.
    ErrorSink* pass_on = nullptr;
  };

  OutputPipe(Fd read_end, Options options);
  OutputPipe(const OutputPipe&) = delete;
  OutputPipe& operator=(const OutputPipe&) = delete;
  ~OutputPipe();

  /// What a full pipe does to the program that writes to it.
  enum class WhenFull { it_waits, it_loses };
  /// The end to read from, which does not block, and the program's.
  static Result<std::pair<Fd, Fd>> make_pair(WhenFull when_full);

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
  void pass_on();
  void close();

  Fd read_end_;
  Options options_;
  Loop& loop_;
  std::string line_;
  std::string batch_;  // for pass_on
  std::deque<std::string> last_;
};

}  // namespace brigade::cluster::detail
