// The primary's standard error, as the way on for what its workers write to theirs.
#pragma once

#include <brigade/fd.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace brigade::cluster::detail {

/// Never blocks: a terminal, pipe or socket that takes no more loses whole lines, and the next line
/// that gets through comes after one that says how many. (A file on a disk is written to as ever.)
class ErrorSink {
 public:
  explicit ErrorSink(int fd);

  /// Whole lines, the last one with its end, too.
  void write(std::string_view lines);
  std::uint64_t dropped_lines() const { return dropped_; }

 private:
  /// Writes all of it, or nothing of it; of a piece that is larger than the kernel keeps together
  /// the rest goes to `rest_`. False when there was no room.
  bool write_piece(std::string_view piece);
  long write_some(std::string_view text);
  bool report_dropped();

  int fd_;  // not ours
  /// The same pipe or terminal opened anew, so that it does not block: the flag belongs to the open
  /// file, which other processes share with us.
  Fd reopened_;
  bool socket_ = false;
  bool file_ = false;
  std::string rest_;  // of a line, at most
  std::uint64_t dropped_ = 0;
  std::uint64_t reported_ = 0;
};

}  // namespace brigade::cluster::detail
