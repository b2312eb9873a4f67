#include "cluster/ctl.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <brigade/log.hpp>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "cluster/control_client.hpp"
#include "cluster/control_commands.hpp"
#include "cluster/control_json.hpp"
#include "cluster/control_place.hpp"
#include "cluster/ctl_text.hpp"

namespace brigade::cluster::detail {
namespace {

enum Exit { done = 0, refused = 1, usage = 2, not_running = 3 };

struct Order {
  std::string name;
  bool name_given = false;
  std::string path;  // of the socket; empty: to be found by name
  bool json = false;
  ControlCommand command = ControlCommand::status;
  std::uint32_t number = 0;
  std::string level;
  bool now = false;
};

template <class... Args>
int complain(Exit code, fmt::format_string<Args...> format, Args&&... args) {
  std::fprintf(stderr, "%s\n", fmt::format(format, std::forward<Args>(args)...).c_str());
  return code;
}

void print(std::string_view line) {
  std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

// An exit code: the command line was no order.
std::optional<int> read_order(int argc, char** argv, Order& order) {
  CLI::App parser("Asks and steers the running app.", fmt::format("{} ctl", argv[0]));
  parser.require_subcommand(1);
  parser.add_flag("--json", order.json, "Answers as JSON, for scripts");
  parser.add_option("--name", order.name, "Which app, where it is not called as its program is")
      ->envname("BRIGADE_NAME");
  parser.add_option("--control", order.path, "Path of its control socket")
      ->envname("BRIGADE_CONTROL");
  const auto add = [&](ControlCommand command, const char* description) {
    CLI::App* const made = parser.add_subcommand(std::string(name_of(command)), description);
    made->fallthrough();
    made->callback([&order, command] { order.command = command; });
    return made;
  };
  add(ControlCommand::status, "The workers and what they do");
  add(ControlCommand::reload, "Replaces the workers one after another; waits for the end");
  add(ControlCommand::scale, "Changes the number of workers")
      ->add_option("workers", order.number, "How many there shall be")
      ->required();
  add(ControlCommand::drain, "Lets the app finish what it has and end; does not wait");
  add(ControlCommand::stop, "The same; waits for the end")
      ->add_flag("--now", order.now, "Without finishing anything");
  add(ControlCommand::restart, "Replaces one worker; waits for the end")
      ->add_option("position", order.number, "The worker's number, from 0")
      ->required();
  add(ControlCommand::log_level, "Says how much is logged from now on")
      ->add_option("level", order.level, "debug, info, warn, error or off")
      ->required()
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}));
  add(ControlCommand::events, "Prints what happens in the cluster, as it happens");
  parser.footer("Exit codes: 0 done, 1 refused or failed, 2 usage, 3 not running.");
  try {
    parser.parse(argc - 1, argv + 1);
    order.name_given = parser.count("--name") > 0;
    if (order.name_given && !is_control_name(order.name)) {
      throw CLI::ValidationError("--name", "has letters, digits, '.', '_' and '-' only");
    }
  } catch (const CLI::RequiredError&) {
    std::string names;
    for (const CLI::App* each : parser.get_subcommands([](CLI::App*) { return true; })) {
      if (each->parsed())
        return complain(usage, "{} ctl {}: its argument is missing", argv[0], each->get_name());
      names += " " + each->get_name();
    }
    return complain(usage, "ctl wants to be told one of:{}", names);
  } catch (const CLI::ParseError& error) {
    return parser.exit(error) == 0 ? done : usage;
  }
  return std::nullopt;
}

Value request_of(const Order& order) {
  Value out = Value::object({{"version", control_version}, {"command", name_of(order.command)}});
  if (order.command == ControlCommand::scale) out["workers"] = order.number;
  if (order.command == ControlCommand::restart) out["position"] = order.number;
  if (order.command == ControlCommand::log_level) out["level"] = order.level;
  if (order.command == ControlCommand::stop && order.now) out["now"] = true;
  return out;
}

// The socket's path, or an exit code.
std::variant<std::string, int> find_socket(const Order& order) {
  if (!order.path.empty() && order.path != "off") return order.path;
  const auto found = list_controls(order.name);
  for (const auto& each : found) {
    if (each.name == order.name && (order.name_given || found.size() == 1)) return each.path;
  }
  if (found.size() == 1) return found[0].path;
  if (found.empty()) {
    const auto directories = control_directories();
    return complain(not_running, "{} is not running (no control socket in {}){}", order.name,
                    fmt::join(directories, " or "),
                    order.name_given ? "" : ": was it started with --name, or by another user?");
  }
  std::string names;
  for (const auto& each : found)
    names += fmt::format("\n  --name {}  (pid {})", each.name, each.pid);
  return complain(usage, "{} instances of {} run, say which:{}", found.size(), order.name, names);
}

// Its connection has ended; until the process has, its port and its files are not free.
void wait_for_end(pid_t pid, const Fd& pidfd) {
  if (!pidfd || pid <= 0) return;
  pollfd source{pidfd.get(), POLLIN, 0};
  while (::poll(&source, 1, -1) < 0 && errno == EINTR) {
  }
}

int follow_events(ControlClient& client, bool json) {
  while (true) {
    auto event = client.receive(true);
    if (!event) return complain(refused, "{}", event.error().message());
    if (!*event) return done;
    print(json ? to_json(**event) : event_text(**event));
  }
}

std::int64_t number_in(const Value& answer, std::string_view name) {
  const Value* const field = answer.find(name);
  const auto* const number = field ? field->get_if<std::int64_t>() : nullptr;
  return number ? *number : 0;
}

void say(const Order& order, const std::string& app, const Value& answer) {
  if (order.json) return print(to_json(answer));
  switch (order.command) {
    case ControlCommand::status:
      std::fputs(status_text(answer).c_str(), stdout);
      return;
    case ControlCommand::reload:
      return print(
          fmt::format("{}: reloaded, generation {}", app, number_in(answer, "generation")));
    case ControlCommand::scale:
      return print(fmt::format("{}: scaling to {} workers", app, order.number));
    case ControlCommand::drain:
    case ControlCommand::stop:
      return print(fmt::format("{}: stopping, workers {}: {}", app,
                               order.now ? "killed" : "that finish what they have",
                               number_in(answer, "workers")));
    case ControlCommand::restart:
      return print(fmt::format("{}: the worker at position {} is replaced", app, order.number));
    case ControlCommand::log_level:
      return print(fmt::format("{}: log level {}", app, order.level));
    case ControlCommand::events:
      return;
  }
}

int carry_out(const Order& order, ControlClient& client) {
  // Before it may be gone, and its pid another's.
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, client.pid(), 0)));
  if (const auto sent = client.send(request_of(order)); !sent) {
    return complain(refused, "{}", sent.error().message());
  }
  const bool waits =
      order.command == ControlCommand::reload || order.command == ControlCommand::restart;
  auto received = client.receive(waits);
  if (!received) return complain(refused, "{}", received.error().message());
  if (!*received) {
    return complain(refused, "{}: pid {} hung up without an answer", client.app(), client.pid());
  }
  const Value& answer = **received;
  const Value* const ok = answer.find("ok");
  if (!ok || !ok->is_bool() || !ok->as_bool()) {
    if (order.json) print(to_json(answer));
    const Value* const error = answer.find("error");
    return complain(refused, "{}: {}: {}", client.app(), name_of(order.command),
                    error && error->is_string() ? log::escape(error->as_string()) : "refused");
  }
  say(order, client.app(), answer);
  if (order.command == ControlCommand::events) return follow_events(client, order.json);
  if (order.command == ControlCommand::stop) {
    const auto end = client.receive(true);
    wait_for_end(client.pid(), pidfd);
    if (!order.json) print(fmt::format("{}: stopped", client.app()));
  }
  return done;
}

}  // namespace

int run_ctl(int argc, char** argv, const std::string& name) {
  Order order;
  order.name = name;
  if (const auto code = read_order(argc, argv, order)) return *code;
  const auto socket = find_socket(order);
  if (const int* code = std::get_if<int>(&socket)) return *code;
  auto client = ControlClient::connect(std::get<std::string>(socket));
  if (!client) {
    return complain(not_running, "cannot reach {}: {}", order.name, client.error().message());
  }
  return carry_out(order, *client);
}

}  // namespace brigade::cluster::detail
