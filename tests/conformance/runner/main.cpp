// Plays the corpus against the subject, every case in three segmentations that must agree.
//
//     conformance-runner CASES.jsonl SUBJECT [name or category...]
//
// Exit code: 0 all pass, 1 a case or the subject failed, 2 wrong usage or no corpus.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "runner/play.hpp"
#include "support/server.hpp"

namespace conformance {
namespace {

using brigade::testing_support::ServerProcess;

constexpr unsigned at_once = 16;  // they wait most of the time

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

struct Selection {
  std::vector<const Case*> played;
  std::map<std::string_view, std::size_t> left_out;  // by reason
};

Selection select(const std::vector<Case>& cases, const std::set<std::string>& wanted) {
  Selection out;
  for (const Case& one : cases) {
    if (!wanted.empty() && !wanted.contains(one.name) && !wanted.contains(one.category)) continue;
    const std::string_view reason = left_out_because(one);
    if (reason.empty()) {
      out.played.push_back(&one);
    } else {
      ++out.left_out[reason];
    }
  }
  return out;
}

std::vector<Run> plan(const std::vector<const Case*>& cases, std::uint16_t port) {
  std::vector<Run> out;
  for (const Case* one : cases) {
    const bool once = one->timed() || one->every_byte;
    for (const Segments segments : {Segments::whole, Segments::bytes, Segments::lines}) {
      if (segments == Segments::whole || !once)
        out.push_back({.of = one, .segments = segments, .port = port});
    }
  }
  return out;
}

// Cases that wait get a thread each, all others share some; a crowd would disturb any other case.
void play_all(std::vector<Run>& runs) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> threads;
  for (Run& run : runs) {
    if (run.of->timed() && run.of->parallel == 0) threads.emplace_back(play, std::ref(run));
  }
  for (unsigned i = 0; i < at_once; ++i) {
    threads.emplace_back([&] {
      for (std::size_t at = 0; (at = next++) < runs.size();) {
        if (!runs[at].of->timed()) play(runs[at]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (Run& run : runs) {
    if (run.of->parallel > 0) play(run);
  }
}

// What failed by the clock is played once more, alone: another program may have had the processor.
// Returns the canaries that the first tries showed.
std::size_t play_again(std::vector<Run>& runs) {
  std::size_t canaries = 0;
  const auto limit = Clock::now() + std::chrono::seconds(20);  // for a server where much is wrong
  for (Run& run : runs) {
    if (run.failures.empty() || !run.by_clock || Clock::now() > limit) continue;
    canaries += run.canaries;
    Run second{.of = run.of, .segments = run.segments, .port = run.port};
    play(second);
    if (second.failures.empty())
      second.remarks.push_back("passed only alone; before: " + run.failures.front());
    run = std::move(second);
  }
  return canaries;
}

void compare_segmentations(std::vector<Run>& runs) {
  std::map<std::string, Run*> whole;
  for (Run& run : runs) {
    const auto [first, is_first] = whole.emplace(run.of->name, &run);
    if (!is_first && first->second->first != run.first) {
      run.fail(fmt::format("{}, but {} when sent whole", describe(run.first),
                           describe(first->second->first)));
    }
  }
}

// The subject's own count, this reading included.
std::size_t canary_hits(std::uint16_t port) {
  Answer answer;
  const std::string trouble = fresh_get(port, "/canary", &answer);
  const std::string* hits = answer.field("canary-hits");
  if (!trouble.empty() || !hits) throw std::runtime_error("the canary cannot be read: " + trouble);
  return std::stoul(*hits);
}

// A smuggled request may be carried out though its answer is never seen. Names the cases that did
// it.
void check_hidden_hits(std::vector<Run>& runs, std::uint16_t port, std::size_t before,
                       std::size_t shown) {
  if (canary_hits(port) - before - 1 <= shown) return;
  bool found = false;
  for (Run& run : runs) {
    if (run.of->request.find("/canary") == std::string::npos) continue;
    const std::size_t start = canary_hits(port);
    Run alone{.of = run.of, .segments = run.segments, .port = port};
    play(alone);
    if (canary_hits(port) - start - 1 <= alone.canaries) continue;
    run.fail("the canary ran although no answer showed it");
    found = true;
  }
  if (!found)
    runs.front().fail(
        "the canary ran although no answer showed it, in a case not to be found alone");
}

std::size_t peak_memory_kib(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6));
  }
  return 0;
}

// After all: the same workers, no memory that the limits do not explain, a log that a terminal can
// show.
std::vector<std::string> check_subject(ServerProcess& subject) {
  std::vector<std::string> out;
  if (subject.children() != subject.first_workers()) out.emplace_back("a worker died");
  // 10 MiB for the large answer, and 1 MiB for each body that is on its way.
  constexpr std::size_t most_kib = 96 << 10;
  for (const pid_t worker : subject.first_workers()) {
    const std::size_t kib = peak_memory_kib(worker);
    if (!sanitized && kib > most_kib) out.push_back(fmt::format("a worker grew to {} KiB", kib));
  }
  for (const std::string& text : {subject.out(), subject.err()}) {
    if (std::any_of(text.begin(), text.end(),
                    [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\n'; })) {
      out.emplace_back("a control character from a request is in the log");
    }
  }
  if (!subject.stop().success()) out.push_back("it did not end well:\n" + subject.err());
  return out;
}

bool report(const std::vector<Run>& runs, const Selection& selection,
            const std::vector<std::string>& troubles) {
  struct Counts {
    std::set<std::string> all, remarked, failed;
  };
  std::map<std::string, Counts> table;
  for (const Run& run : runs) {
    Counts& counts = table[run.of->category];
    counts.all.insert(run.of->name);
    const std::string label = fmt::format("{} [{}]", run.of->name, name_of(run.segments));
    if (!run.failures.empty()) {
      counts.failed.insert(run.of->name);
      fmt::print("FAIL {} got {}: {}\n", label, describe(run.first), fmt::join(run.failures, "; "));
    } else if (!run.remarks.empty()) {
      counts.remarked.insert(run.of->name);
      fmt::print("pass {}: {}\n", label, fmt::join(run.remarks, "; "));
    }
  }
  for (const std::string& trouble : troubles) fmt::print("FAIL the subject: {}\n", trouble);
  std::size_t failed = 0;
  fmt::print("\n{:<16}{:>7}{:>10}{:>8}\n", "category", "cases", "remarked", "failed");
  for (const auto& [category, counts] : table) {
    fmt::print("{:<16}{:>7}{:>10}{:>8}\n", category, counts.all.size(), counts.remarked.size(),
               counts.failed.size());
    failed += counts.failed.size();
  }
  fmt::print("\n{} of {} cases pass\n", selection.played.size() - failed, selection.played.size());
  for (const auto& [reason, count] : selection.left_out)
    fmt::print("{} left out: {}\n", count, reason);
  return failed == 0 && troubles.empty();
}

void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run(const std::string& corpus, const std::string& program,
        const std::set<std::string>& wanted) {
  const std::vector<Case> cases = load_cases(corpus);
  const Selection selection = select(cases, wanted);
  if (selection.played.empty()) throw std::runtime_error("no case is to be played");
  raise_descriptor_limit();
  ServerProcess subject({.path = program, .arguments = {"--workers", "1"}});
  std::vector<Run> runs = plan(selection.played, subject.port());
  const std::size_t before = canary_hits(subject.port());
  play_all(runs);
  std::size_t shown = play_again(runs);
  for (const Run& one : runs) shown += one.canaries;
  check_hidden_hits(runs, subject.port(), before, shown);
  compare_segmentations(runs);
  return report(runs, selection, check_subject(subject)) ? 0 : 1;
}

}  // namespace
}  // namespace conformance

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: conformance-runner CASES.jsonl SUBJECT [name or category...]\n");
    return 2;
  }
  try {
    return conformance::run(argv[1], argv[2], std::set<std::string>(argv + 3, argv + argc));
  } catch (const std::exception& error) {
    fmt::print(stderr, "conformance-runner: {}\n", error.what());
    return 2;
  }
}
