// Messages between a primary and its workers, one scenario a run: `messages SCENARIO`. Both sides
// print what they see.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <string_view>

using namespace brigade;
using namespace std::chrono_literals;
using brigade::cluster::Sibling;
using brigade::cluster::Worker;

namespace {

std::string_view bad_kind;

struct Job {
  int id = 0;
  std::string name;
};
BOOST_DESCRIBE_STRUCT(Job, (), (id, name))

template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  // One write a line: several processes print.
  const std::string line = fmt::format(format, std::forward<Args>(args)...) + "\n";
  [[maybe_unused]] const auto wrote = ::write(STDOUT_FILENO, line.data(), line.size());
}

cluster::ThisWorker& me() {
  return cluster::this_worker();
}

struct Scenario {
  unsigned workers = 1;
  std::function<void(cluster::Primary&)> primary;
  std::function<int()> worker;
};

int leave_when_told() {
  me().on_message([](std::string text) {
    say("worker {} got {}", me().id(), text);
    me().disconnect();
  });
  return run_main([]() -> Task<int> { co_return 0; });
}

Task<int> answer_with_files() {
  Value::Array both;
  both.emplace_back(Fd(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC)));
  auto buffer = SharedBuffer::create(16).value();
  buffer.data()[0] = std::byte{42};
  both.emplace_back(buffer);
  me().post_message(Value(std::move(both))).value();
  auto seen = co_await me().request<int>("what is in the buffer now?", 20s);
  say("the primary wrote {}", seen.value());
  say("I see {}", static_cast<int>(buffer.data()[1]));
  co_return 0;
}

// Passes descriptors to the other side as fast as both can, and counts what comes.
struct Swap {
  int received = 0;
  std::function<void()> on_all;
  static constexpr int all = 500;

  void take(Value message) {
    if (message.is_descriptor() && ++received == all && on_all) on_all();
  }
  static Task<> send(cluster::Peer& to) {
    for (int i = 0; i < all; ++i) {
      auto sent = co_await to.send(Value(Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
      sent.value();
    }
  }
};

// What a worker gone mad writes to its pipe, by name.
void send_bad_bytes(std::string_view kind) {
  constexpr int pipe = 5;
  struct {
    std::uint16_t magic = 0xb31d;
    std::uint8_t version = 1;
    std::uint8_t kind = 1;
    std::uint32_t sequence = 0;
    std::uint32_t size = 0;
    std::uint32_t descriptors = 0;
  } header;
  if (kind == "magic") header.magic = 1;
  if (kind == "version") header.version = 99;
  if (kind == "kind") header.kind = 99;
  if (kind == "huge") header.size = 0xffffffff;
  if (kind == "long") header.size = 17 << 20;
  if (kind == "claims-descriptors") header.descriptors = 3;
  if (kind == "torn") header.size = 1000;
  if (kind == "descriptors") header.size = 1;
  std::array<char, sizeof header + 1> bytes{};
  std::memcpy(bytes.data(), &header, sizeof header);
  bytes.back() = '\xf6';      // null
  std::array<int, 64> fds{};  // all standard input
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fds)> control{};
  iovec part{bytes.data(), kind == "descriptors" ? bytes.size() : sizeof header};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (kind == "descriptors") {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fds);
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof fds);
  }
  if (::sendmsg(pipe, &message, MSG_NOSIGNAL) < 0) say("could not send");
  if (kind == "torn") ::shutdown(pipe, SHUT_RDWR);
}

const std::map<std::string_view, Scenario>& scenarios() {
  static Swap swap;
  static TaskGroup* group = nullptr;
  static std::map<std::string_view, Scenario> all{
      {"typed",
       {.primary =
            [](cluster::Primary& primary) {
              primary.on_message([](Worker& worker, Job job) {
                say("primary got {} {} of {}", job.id, job.name, worker.id());
                worker.post_message("thanks").value();
              });
              primary.workers().front()->post_message(Job{7, "seven"}).value();  // before it runs
            },
        .worker =
            [] {
              me().on_message([](Value message) {
                if (message.is_string()) return me().disconnect();
                const Job job = value_as<Job>(std::move(message));
                say("worker got {} {}", job.id, job.name);
                me().post_message(Job{job.id + 1, "eight"}).value();
              });
              return run_main([]() -> Task<int> { co_return 0; });
            }}},
      {"order",
       {.primary =
            [](cluster::Primary& primary) {
              primary.on_message([next = 0, wrong = 0](Worker&, int number) mutable {
                if (number != next++) ++wrong;
                if (next == 20'000) say("all 20000, {} out of order", wrong);
              });
              primary.on_disconnect([](Worker&) { say("disconnect"); });
              primary.on_exit([](Worker&, ExitStatus status) { say("exit {}", status.text()); });
            },
        // More than the queue holds, and gone right after the last.
        .worker =
            [] {
              return run_main([]() -> Task<int> {
                for (int i = 0; i < 20'000; ++i) (co_await me().send(i)).value();
                co_return 5;
              });
            }}},
      {"exit",
       {.primary =
            [](cluster::Primary& primary) {
              primary.on_message([](Worker&, std::string text) { say("{} bytes", text.size()); });
              primary.on_disconnect([](Worker&) { say("disconnect"); });
            },
        .worker =
            [] {
              return run_main([]() -> Task<int> {
                me().post_message(std::string(900'000, 'x')).value();
                std::exit(0);
                co_return 0;
              });
            }}},
      {"throw",
       {.primary =
            [](cluster::Primary& primary) {
              primary.on_message([](Worker& worker, int number) {
                if (number == 1) throw std::runtime_error("one is too few");
                say("got {}", number);
                if (number == 3) worker.disconnect();
              });
            },
        .worker =
            [] {
              return run_main([]() -> Task<int> {
                me().on_message([](int) {});
                for (int i = 1; i <= 3; ++i) me().post_message(i).value();
                me().post_message("no number").value();
                co_return 0;
              });
            }}},
      {"request",
       {.primary =
            [](cluster::Primary& primary) {
              primary.on_request([](Worker&, Value question) -> Task<Result<int>> {
                if (question == Value("throw")) throw std::runtime_error("no idea");
                if (question == Value("refuse")) co_return Error(ENOENT, "not here");
                if (question == Value("sleep")) co_await sleep(1h);
                co_return static_cast<int>(question.as_integer() * 2);
              });
            },
        .worker =
            [] {
              return run_main([]() -> Task<int> {
                auto good = co_await me().request<int>(21, 20s);
                say("answer {}", good.value());
                for (const char* question : {"throw", "refuse"}) {
                  auto bad = co_await me().request<int>(question, 20s);
                  say("{}: {} {}", question, bad.error().code(), bad.error().message());
                }
                auto late = co_await me().request<int>("sleep", 20ms);
                say("late: {}", late.error().code() == ETIMEDOUT);
                auto confused = co_await me().request<Job>(1, 20s);
                say("confused: {}", confused.error().message());
                co_return 0;
              });
            }}},
      {"acknowledge",
       {.primary =
            [](cluster::Primary& primary) {
              primary.on_message([](Worker&, std::string text) {
                if (text == "bad") throw std::runtime_error("it is bad");
                say("handled {}", text);
              });
            },
        .worker =
            [] {
              return run_main([]() -> Task<int> {
                auto good = co_await me().send("good", {.acknowledged = true});
                say("acknowledged {}", good.ok());
                auto bad = co_await me().send("bad", {.acknowledged = true});
                say("refused: {}", bad.error().message());
                co_return 0;
              });
            }}},
      {"descriptors",
       {.primary =
            [](cluster::Primary& primary) {
              static SharedBuffer shared;
              primary.on_message([](Worker&, Value both) {
                char text[8] = {};
                [[maybe_unused]] const auto got =
                    ::read(both[0].as_descriptor().get(), text, sizeof text - 1);
                shared = both[1].as_buffer();
                say("read \"{}\", buffer has {}", text[0] != 0, static_cast<int>(shared.data()[0]));
              });
              primary.on_request([](Worker&, std::string) {
                shared.data()[1] = std::byte{43};
                return 43;
              });
            },
        .worker = [] { return run_main(answer_with_files); }}},
      {"swap",
       {.primary =
            [](cluster::Primary& primary) {
              group = new TaskGroup;
              Worker& worker = *primary.workers().front();
              swap.on_all = [] { say("primary has all"); };
              worker.on_message([](Value message) { swap.take(std::move(message)); });
              group->spawn(Swap::send(worker));
            },
        .worker =
            [] {
              return run_main([]() -> Task<int> {
                Event done;
                swap.on_all = [&] { done.set(); };
                me().on_message([](Value message) { swap.take(std::move(message)); });
                co_await Swap::send(me());
                co_await done.wait();
                say("worker has all");
                me().disconnect();
                co_return 0;
              });
            }}},
      {"closed",
       {.primary =
            [](cluster::Primary& primary) {
              primary.on_exit([](Worker& worker, ExitStatus) {
                const auto refused = worker.post_message(1);
                say("refused: {}", refused.error().code() == EPIPE);
              });
              primary.workers().front()->kill(SIGKILL);
            },
        .worker = [] { return leave_when_told(); }}},
      {"broadcast",
       {.workers = 3,
        .primary =
            [](cluster::Primary& primary) {
              cluster::on_broadcast("news",
                                    [](std::string text) { say("primary heard {}", text); });
              primary.on_message([&primary, ready = 0](Worker&, std::string) mutable {
                if (++ready == 3) primary.workers().front()->post_message("go").value();
              });
            },
        .worker =
            [] {
              cluster::on_broadcast("news", [](std::string text) {
                say("worker {} heard {}", me().id(), text);
                if (text == "bye") me().disconnect();
              });
              return run_main([]() -> Task<int> {
                me().on_message([](std::string) {
                  cluster::broadcast("news", "hello").value();
                  cluster::broadcast("nobody", "hears this").value();
                  say("no copies of descriptors: {}",
                      cluster::broadcast("news", Fd(::open("/dev/null", O_RDONLY)))
                              .error()
                              .code() == EINVAL);
                  cluster::broadcast("news", "bye").value();
                  me().disconnect();
                });
                me().post_message("ready").value();
                co_return 0;
              });
            }}},
      {"siblings",
       {.workers = 2,
        .primary =
            [](cluster::Primary& primary) {
              primary.on_message([&primary, ready = 0](Worker&, std::string text) mutable {
                if (text == "done") return primary.shutdown();
                if (++ready == 2) primary.workers().front()->post_message("go").value();
              });
            },
        .worker =
            [] {
              cluster::on_worker_message([](Sibling& from, std::string text) {
                say("{} got {} from {}", me().id(), text, from.id());
                if (text == "hello") from.post_message("hello, too").value();
                if (text == "die") ::_exit(0);
              });
              cluster::on_worker_request(
                  [](Sibling& from, int number) { return number + static_cast<int>(from.id()); });
              return run_main([]() -> Task<int> {
                Event go;
                me().on_message([&](std::string) { go.set(); });
                me().post_message("ready").value();
                if (me().number() == 1) co_return 0;
                co_await go.wait();
                auto sibling = co_await cluster::worker_at(1);
                say("found {}", sibling.value().id());
                auto sum = co_await sibling.value().request<int>(100, 20s);
                say("sum {}", sum.value());
                auto self = co_await cluster::worker(me().id());
                say("myself: {}", self.error().message());
                auto nobody = co_await cluster::worker(99);
                say("nobody: {}", nobody.error().message());
                Event answered, closed;
                sibling.value().on_message([&](std::string text) {
                  say("{} got {} from {}", me().id(), text, sibling.value().id());
                  answered.set();
                });
                sibling.value().post_message("hello").value();
                co_await answered.wait();
                sibling.value().on_close([&] { closed.set(); });
                sibling.value().post_message("die").value();
                co_await closed.wait();
                say("still there: {}", sibling.value().is_connected());
                me().post_message("done").value();
                co_return 0;
              });
            }}},
      {"events",
       {.primary =
            [](cluster::Primary& primary) {
              group = new TaskGroup;
              group->spawn([](cluster::EventStream events) -> Task<> {
                using Kind = cluster::WorkerEvent::Kind;
                int ends = 0;
                while (ends < 2) {
                  auto event = co_await events.next();
                  if (event->kind == Kind::disconnect || event->kind == Kind::exit) ++ends;
                  say("event {} of {}", static_cast<int>(event->kind), event->id);
                  if (event->kind == Kind::exit) say("with {}", event->status.text());
                }
              }(primary.events()));
            },
        .worker = [] { return run_main([]() -> Task<int> { co_return 42; }); }}},
      {"flood",
       {.primary =
            [](cluster::Primary& primary) {
              primary.on_message([count = 0](Worker& worker, Value) mutable {
                if (++count == 20'000) worker.disconnect();
              });
              primary.on_exit([](Worker&, ExitStatus status) { say("{}", status.text()); });
            },
        // Floods until it is told to drain, which no message delays.
        .worker =
            [] {
              return run_main([]() -> Task<int> {
                me().on_message([](int) {});
                TaskGroup asking;
                asking.spawn([]() -> Task<> {
                  auto buffer = co_await cluster::shared_buffer("name", 8);
                  say("answered in the flood: {}", buffer.ok());
                }());
                while (!me().is_draining()) {
                  for (int i = 0; i < 1000; ++i) static_cast<void>(me().post_message(i));
                  co_await yield();
                }
                co_await asking.join();
                say("told in the flood");
                co_return 0;
              });
            }}},
      {"bad",
       {.workers = 2,
        .primary =
            [](cluster::Primary& primary) {
              primary.on_request([](Worker& worker, int number) {
                say("request {} of {}", number, worker.id());
                return number;
              });
              primary.on_message([&primary](Worker& worker, std::string text) {
                say("{} of {}", text, worker.id());
                if (worker.id() < 3) return;
                primary.shutdown();  // the replacement is there
              });
            },
        .worker =
            [] {
              return run_main([]() -> Task<int> {
                me().on_message([](std::string) {});
                me().post_message("hello").value();
                if (me().id() == 2) {  // its messages go on, whatever the other one does
                  for (int i = 0; !me().is_draining(); ++i) {
                    (co_await me().request<int>(i, 20s)).value();
                    co_await sleep(1ms);
                  }
                }
                if (me().id() != 1) co_return 0;
                co_await sleep(5ms);
                send_bad_bytes(bad_kind);
                co_await sleep(1h);
                co_return 0;
              });
            }}},
      {"random",
       {.workers = 16,
        .primary =
            [](cluster::Primary& primary) {
              primary.on_exit([](Worker&, ExitStatus status) { say("exit: {}", status.text()); });
              primary.on_message([&primary, ready = 0](Worker&, int) mutable {
                if (++ready < 16) return;
                for (Worker* worker : primary.workers()) {
                  worker->post_message("leave").value();
                  if (worker->id() % 2 == 0) worker->disconnect();
                }
              });
            },
        .worker =
            [] {
              return run_main([]() -> Task<int> {
                me().on_message([](std::string) { me().disconnect(); });
                me().post_message(1).value();
                co_return 0;
              });
            }}},
      {"outlive",
       {.primary =
            [](cluster::Primary& primary) {
              primary.on_message([](Worker& worker, std::string text) {
                say("{}", text);
                if (text == "connected") worker.disconnect();
              });
              primary.on_exit([](Worker&, ExitStatus status) { say("exit: {}", status.text()); });
            },
        // Its own connection is still open when it is told to go.
        .worker =
            [] {
              return run_main([]() -> Task<int> {
                MessageChannel connection;
                me().on_message([](int) {});
                me().post_message("connected").value();
                while (!me().is_draining()) co_await sleep(1ms);
                co_await sleep(10ms);
                say("finished what it had");
                co_return 0;
              });
            }}},
  };
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const auto found = scenarios().find(argc > 1 ? argv[1] : "");
  if (found == scenarios().end()) return 2;
  const Scenario& scenario = found->second;
  if (argc > 2) bad_kind = argv[2];
  if (cluster::is_worker()) return scenario.worker();
  Loop loop;
  cluster::Primary primary({.restart = argc > 2});
  for (unsigned i = 0; i < scenario.workers; ++i) primary.fork();
  scenario.primary(primary);
  return primary.run();
}
