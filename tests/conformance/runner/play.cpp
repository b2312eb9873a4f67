#include "runner/play.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <regex>

namespace conformance {
namespace {

constexpr milliseconds patience{10000};

template <class T>
bool holds(const std::vector<T>& list, const T& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

bool asks_for_interim(const Step& step) {
  return std::any_of(step.statuses.begin(), step.statuses.end(),
                     [](int status) { return status >= 100 && status < 200 && status != 101; });
}

void expect_step(Run& run, Wire& wire, const Step& step, std::size_t& seen) {
  AnswerStream& answers = wire.answers;
  const bool interim = asks_for_interim(step);
  wire.until(
      [&] {
        return !answers.junk.empty() || answers.whole() > 0 ||
               (interim && answers.interims.size() > seen);
      },
      step.within);
  const Answer* answer = nullptr;
  if (interim && answers.interims.size() > seen) {
    answer = &answers.interims[seen];
  } else if (answers.whole() > 0) {
    answer = &answers.finals.front();
  }
  seen = answers.interims.size();
  if (!answer && !wire.ended()) {
    run.fail(fmt::format("none of {} came within {} ms", fmt::join(step.statuses, " "),
                         step.within.count()),
             true);
  } else if (answer && !holds(step.statuses, answer->status)) {
    run.fail(
        fmt::format("{} where the step expects {}", answer->status, fmt::join(step.statuses, " ")));
  }
}

// True when the answers so far can still become a longer one of the sequences.
bool more_due(const Case& of, const std::vector<int>& got) {
  return std::any_of(
      of.sequences.begin(), of.sequences.end(), [&](const std::vector<int>& sequence) {
        return sequence.size() > got.size() && std::equal(got.begin(), got.end(), sequence.begin());
      });
}

std::vector<int> statuses_of(const std::deque<Answer>& answers) {
  std::vector<int> out;
  for (const Answer& answer : answers) out.push_back(answer.status);
  return out;
}

// How many answers belong to the case: the longest sequence that they begin like, or one.
std::size_t answers_due(const Case& of, const std::vector<int>& got) {
  std::size_t due = 1;
  for (const std::vector<int>& sequence : of.sequences) {
    const bool fits =
        got.size() >= sequence.size() && std::equal(sequence.begin(), sequence.end(), got.begin());
    if (fits) due = std::max(due, sequence.size());
  }
  return due;
}

void play_steps(Run& run) {
  const Case& of = *run.of;
  Wire wire = connect(run, {.from_other_address = of.forbids("client address reported")});
  // A client that only writes at first: a reset must not destroy an early answer that it has not
  // read.
  wire.deaf = of.forbids("reset before") || of.forbids("RST before");
  const Segments segments = of.every_byte ? Segments::bytes : run.segments;
  std::size_t seen = 0;
  for (const Step& step : of.steps) {
    switch (step.kind) {
      case Step::Kind::send:
        wire.send_cut(step.bytes, segments);
        break;
      case Step::Kind::half_close:
        wire.half_close();
        break;
      case Step::Kind::expect:
        expect_step(run, wire, step, seen);
        break;
    }
  }
  const auto sent = Clock::now();
  AnswerStream& answers = wire.answers;
  wire.until(
      [&] {
        if (!answers.junk.empty()) return true;
        return answers.whole() > 0 && !more_due(of, statuses_of(answers.finals));
      },
      patience);
  const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - sent);
  note_answers(run, wire, answers_due(of, statuses_of(answers.finals)));
  grade(run);
  if (holds(of.expect, run.first) && !of.sequences.empty() && !holds(of.sequences, run.got)) {
    run.fail(fmt::format("the answers are {}", fmt::join(run.got, ",")));
  }
  if (of.forbids("more than 100 ms") && took.count() > 100) {
    run.fail(fmt::format("the answer took {} ms", took.count()), true);
  }
  check_connection(run, wire, run.got.size());
  check_contents(run, wire);
}

}  // namespace

void Run::fail(std::string why, bool clock) {
  by_clock = failures.empty() ? clock : by_clock && clock;
  failures.push_back(std::move(why));
}

RequestLine request_line(const std::string& request) {
  static const std::regex form(R"((?:\r\n)*([^ \r\n]+) ([^ \r\n]+) HTTP/(\d\.\d)\r\n)");
  std::smatch parts;
  // The beginning is enough, and a regex recurses: some requests have a megabyte.
  const std::string beginning = request.substr(0, 9000);
  const bool matches =
      beginning.size() < 2000
          ? std::regex_search(beginning, parts, form, std::regex_constants::match_continuous)
          : false;
  if (!matches) {
    const std::size_t space = beginning.find(' ');
    return {.method = space == std::string::npos ? "GET" : beginning.substr(0, space)};
  }
  return {parts[1], parts[2], parts[3] == "1.0"};
}

Wire connect(const Run& run, Wire::Options options) {
  RequestLine line = request_line(run.of->request);
  return Wire(run.port, AnswerStream(std::move(line.method), line.http10), options);
}

void note_answers(Run& run, Wire& wire, std::size_t due) {
  const AnswerStream& answers = wire.answers;
  run.got.clear();
  for (const Answer& answer : answers.finals) {
    if (run.got.size() == due) break;
    run.got.push_back(answer.status);
    if (!answer.complete && answers.junk.empty()) {
      run.fail(fmt::format("{} came without its whole body", answer.status), !wire.ended());
    }
  }
  if (!run.got.empty()) {
    run.first = run.got.front();
  } else if (!answers.junk.empty()) {
    run.first = not_http;
    run.fail(answers.junk);
  } else {
    run.first = wire.ended() ? closed_without_answer : no_answer;
  }
}

void grade(Run& run) {
  const Case& of = *run.of;
  if (holds(of.expect, run.first)) {
    if (!of.prefer.empty() && !holds(of.prefer, run.first)) {
      run.remarks.push_back(fmt::format("{} is allowed, but not preferred", describe(run.first)));
    }
  } else if (holds(of.tolerated, run.first)) {
    run.remarks.push_back(describe(run.first) + " is tolerated only");
  } else {
    run.fail(fmt::format("got {} [{}]", describe(run.first), of.why), run.first == no_answer);
  }
}

void check_connection(Run& run, Wire& wire, std::size_t have) {
  AnswerStream& answers = wire.answers;
  const bool enforced = holds(run.of->expect, run.first);
  const Case::After after = enforced ? run.of->after : Case::After::any;
  const auto more = [&] { return !answers.junk.empty() || answers.whole() > have; };
  bool probed = false;
  if (after == Case::After::open) {
    probed = wire.send(probe);
    wire.until(more, milliseconds(2000));
    if (answers.whole() <= have) {
      run.fail(wire.ended() ? "the connection is closed" : "no answer to a further GET",
               !wire.ended());
    } else if (answers.finals[have].status != 200) {
      run.fail(fmt::format("a further GET got {}", answers.finals[have].status));
    }
  } else {
    // An answer too many would be there at once.
    wire.until(more, milliseconds(50));
    if (after == Case::After::closed && !wire.ended() && answers.finals.size() == have) {
      if (!wire.is_done_sending()) probed = wire.send(probe);
      wire.until(more, patience);
      if (probed && answers.whole() > have)
        run.fail("the connection stays open: a further GET is answered");
      if (!wire.ended()) run.fail("the connection is not closed", true);
    }
  }
  if (answers.finals.size() > have + (probed ? 1U : 0U)) run.fail("an answer too many");
  if (!answers.junk.empty() && run.first != not_http) run.fail("after the answer: " + answers.junk);
}

std::string fresh_get(std::uint16_t port, std::string_view target, Answer* answer) {
  Wire wire(port, AnswerStream());
  wire.send(fmt::format("GET {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", target));
  AnswerStream& answers = wire.answers;
  wire.until([&] { return answers.whole() > 0 || !answers.junk.empty(); }, milliseconds(2000));
  if (answers.whole() == 0) return wire.ended() ? "closed without an answer" : "no answer";
  if (answer) *answer = answers.finals.front();
  const int status = answers.finals.front().status;
  return status == 200 ? std::string() : fmt::format("status {}", status);
}

void play(Run& run) {
  try {
    run.of->timed() ? play_timed(run) : play_steps(run);
    const std::string trouble = fresh_get(run.port);
    if (!trouble.empty()) run.fail("a new connection afterwards: " + trouble, true);
  } catch (const std::exception& error) {
    run.fail(error.what(), true);
  }
}

}  // namespace conformance
