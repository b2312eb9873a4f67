// Slow clients, silent clients, and many of them.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <deque>
#include <memory>

#include "runner/play.hpp"

namespace conformance {
namespace {

milliseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

std::string numbered(std::string unit, int count) {
  const std::size_t at = unit.find("%d");
  return at == std::string::npos ? unit : unit.replace(at, 2, fmt::to_string(count));
}

void check_time(Run& run, milliseconds took) {
  if (took > timeout_and_grace)
    run.fail(fmt::format("answered or closed after {} ms only", took.count()), true);
}

void drip(Run& run) {
  const Drip& how = *run.of->drip;
  const std::string& request = run.of->request;
  Wire wire = connect(run);
  const auto start = Clock::now();
  wire.send(std::string_view(request).substr(0, how.after));
  const auto over = [&] {
    return wire.ended() || wire.answers.whole() > 0 || !wire.answers.junk.empty();
  };
  std::size_t sent = std::min(how.after, request.size());
  for (int count = 0; since(start) < how.most && !wire.until(over, how.every);) {
    wire.send(sent < request.size() ? request.substr(sent++, 1) : numbered(how.unit, count++));
  }
  const milliseconds took = since(start);
  note_answers(run, wire, 1);
  grade(run);
  // A body is allowed a second more for each KiB; one that drips never earns it.
  check_time(run, took);
  check_connection(run, wire, wire.answers.finals.size());
  check_contents(run, wire);
}

void say_nothing(Run& run) {
  Wire wire = connect(run);
  const auto start = Clock::now();
  if (!run.of->request.empty()) {
    wire.send(run.of->request);
    wire.until([&] { return wire.answers.whole() > 0; }, milliseconds(5000));
  }
  const std::size_t answered = wire.answers.finals.size();
  wire.until([&] { return wire.ended() || wire.answers.finals.size() > answered; }, *run.of->wait);
  const milliseconds took = since(start);
  note_answers(run, wire, 1);
  grade(run);
  if (answered > 0 && wire.answers.finals.size() > answered) run.fail("an answer to nothing");
  if (!wire.ended()) run.fail("still open", true);
  check_time(run, took);
  check_contents(run, wire);
}

void read_slowly(Run& run) {
  const Drip& how = *run.of->drip;
  Wire wire = connect(run, {.receive_buffer = 4096});
  wire.deaf = true;
  wire.send(run.of->request);
  const auto start = Clock::now();
  milliseconds worst{0};
  while (since(start) < how.most && !wire.ended()) {
    wire.read_some(how.read_bytes);
    const auto began = Clock::now();
    const std::string trouble = fresh_get(run.port);
    if (!trouble.empty()) run.fail("another connection: " + trouble, true);
    worst = std::max(worst, since(began));
    ::poll(nullptr, 0,
           static_cast<int>(std::max<std::int64_t>(0, (how.every - since(began)).count())));
  }
  wire.until([&] { return !wire.answers.finals.empty() || !wire.answers.junk.empty(); },
             milliseconds(5000));
  run.first = wire.answers.finals.empty() ? no_answer : wire.answers.finals.front().status;
  run.got = {run.first};
  grade(run);
  if (worst > milliseconds(1000))
    run.fail(fmt::format("another connection waited {} ms", worst.count()), true);
}

// The others' patience: how long requests took on an old and on new connections beside the crowd.
milliseconds serve_others(Run& run, Wire& steady) {
  std::vector<milliseconds> times;
  for (const auto start = Clock::now(); since(start) < milliseconds(1000);) {
    const std::size_t before = steady.answers.whole();
    auto began = Clock::now();
    steady.send(probe);
    if (!steady.until([&] { return steady.answers.whole() > before; }, milliseconds(2000))) {
      run.fail("a client beside the crowd got no answer", true);
      break;
    }
    times.push_back(since(began));
    began = Clock::now();
    const std::string trouble = fresh_get(run.port);
    if (!trouble.empty()) run.fail("a new client beside the crowd: " + trouble, true);
    times.push_back(since(began));
    ::poll(nullptr, 0, 10);
  }
  std::sort(times.begin(), times.end());
  return times.empty() ? milliseconds(2000) : times[times.size() * 99 / 100];
}

void crowd(Run& run) {
  std::deque<Wire> silent;
  while (silent.size() < run.of->parallel) silent.emplace_back(run.port, AnswerStream());
  Wire steady(run.port, AnswerStream());
  const milliseconds p99 = serve_others(run, steady);
  const auto limit = Clock::now() + timeout_and_grace;
  std::size_t closed = 0;
  for (Wire& wire : silent) {
    wire.until([] { return false; },
               std::max(milliseconds(1), std::chrono::ceil<milliseconds>(limit - Clock::now())));
    closed += wire.ended() ? 1 : 0;
  }
  run.first = closed == silent.size() ? closed_without_answer : no_answer;
  run.got = {run.first};
  grade(run);
  if (p99 > milliseconds(50))
    run.fail(fmt::format("p99 of the others is {} ms", p99.count()), true);
}

}  // namespace

void play_timed(Run& run) {
  if (run.of->parallel > 0) return crowd(run);
  if (run.of->wait) return say_nothing(run);
  run.of->drip->read_bytes > 0 ? read_slowly(run) : drip(run);
}

}  // namespace conformance
