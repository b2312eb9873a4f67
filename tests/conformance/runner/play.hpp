// Plays one case against the subject and judges what came back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runner/corpus.hpp"
#include "runner/wire.hpp"

namespace conformance {

struct Run {
  const Case* of = nullptr;
  Segments segments = Segments::whole;
  std::uint16_t port = 0;

  // The result.
  std::vector<std::string> failures = {};
  std::vector<std::string> remarks = {};  // passes, but not the best answer
  int first = no_answer;
  std::vector<int> got = {};
  std::size_t canaries = 0;  // that an answer showed
  bool by_clock = false;     // all failures hang on the clock, so a busy machine may be their cause

  void fail(std::string why, bool clock = false);
};

/// Never throws. Ends with a GET / on a new connection, which must be answered.
void play(Run& run);

// The parts of it; they throw std::runtime_error when they cannot connect.

/// Method, target and version of a case's request, as far as they can be told.
struct RequestLine {
  std::string method = "GET";
  std::string target = {};
  bool http10 = false;
};
RequestLine request_line(const std::string& request);

inline constexpr std::string_view probe = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// The subject's timeouts, with what an answer to them may take.
inline constexpr milliseconds timeout_and_grace{2000 + 1500};

Wire connect(const Run& run, Wire::Options options = {});
void note_answers(Run& run, Wire& wire, std::size_t due);
void grade(Run& run);
/// After `have` answers: no further one comes, and the connection is open or closed as it should.
void check_connection(Run& run, Wire& wire, std::size_t have);
/// What holds for every case, and each clause of must_not that can be seen from outside.
void check_contents(Run& run, const Wire& wire);
/// Empty when a new connection gets 200 within two seconds, else what happened. `answer` may be
/// null.
std::string fresh_get(std::uint16_t port, std::string_view target = "/", Answer* answer = nullptr);

/// timed.cpp: cases with `drip`, `wait` or `parallel`.
void play_timed(Run& run);

}  // namespace conformance
