#include "cluster/primary_control.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <brigade/log.hpp>

#include <cerrno>
#include <chrono>

#include "cluster/control_status.hpp"
#include "cluster/primary_core.hpp"

namespace brigade::cluster::detail {
namespace {

Result<ControlPlace> find_place(const ControlSocket& options) {
  if (!options.path.empty()) return ControlPlace::take_path(options.path);
  const std::string name =
      control_name_from(options.name.empty() ? ::program_invocation_short_name : options.name);
  const auto directories = control_directories();
  if (directories.empty()) return Error("neither XDG_RUNTIME_DIR nor HOME is set");
  if (auto good = open_control_directory(directories[0]); !good) return good.error();
  auto taken = ControlPlace::take(directories[0], name);
  if (taken && taken->name() != name) {
    log::info("another {0} runs: this one is `ctl --name {1}`", name, taken->name());
  }
  return taken;
}

std::int64_t unix_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

Value done() {
  return Value::object({{"ok", true}});
}
Value refused(std::string_view why) {
  return ControlServer::failure("refused", why);
}

}  // namespace

std::unique_ptr<PrimaryControl> PrimaryControl::open(PrimaryCore& core,
                                                     const ControlSocket& options) {
  auto place = find_place(options);
  if (place) {
    return std::unique_ptr<PrimaryControl>(new PrimaryControl(core, std::move(*place)));
  }
  log::warn("no control socket, `ctl` will not find this app: {}", place.error().message());
  return nullptr;
}

PrimaryControl::PrimaryControl(PrimaryCore& core, ControlPlace place)
    : core_(core),
      place_(std::move(place)),
      server_(
          place_.socket().get(), hello(),
          [this](ControlConnection& client, const std::string& text) { handle(client, text); }) {
  tell_events();
}

Value PrimaryControl::hello() const {
  return Value::object({{"brigade", "control"},
                        {"version", control_version},
                        {"app", place_.name()},
                        {"pid", static_cast<std::int64_t>(::getpid())}});
}

void PrimaryControl::handle(ControlConnection& client, const std::string& text) {
  auto request = read_request(text);
  if (!request) {
    return client.answer(ControlServer::failure("bad_request", request.error().message()));
  }
  switch (request->command) {
    case ControlCommand::status:
      return client.answer(status_of(core_.board(), {.app = place_.name(),
                                                     .draining = core_.draining(),
                                                     .reloading = core_.reloading(),
                                                     .listeners = core_.addresses()}));
    case ControlCommand::reload:
      return reload(client);
    case ControlCommand::scale: {
      const auto scaled = core_.scale(request->workers);
      return client.answer(scaled ? done() : refused(scaled.error().message()));
    }
    case ControlCommand::restart:
      return restart(client, request->position);
    case ControlCommand::drain:
      if (!core_.draining()) core_.shutdown();
      return client.answer(Value::object(
          {{"ok", true}, {"workers", static_cast<std::int64_t>(core_.workers().size())}}));
    case ControlCommand::stop: {
      client.answer(Value::object(
          {{"ok", true}, {"workers", static_cast<std::int64_t>(core_.workers().size())}}));
      client.wait();
      if (!core_.draining()) core_.shutdown();
      if (request->now) core_.kill_all();
      return;
    }
    case ControlCommand::log_level:
      return set_level(client, request->level);
    case ControlCommand::events:
      return begin_events(client);
  }
}

bool PrimaryControl::may_wait(ControlConnection& client) {
  std::erase_if(waiting_, [&](const Waiting& each) { return !server_.find(each.client); });
  if (server_.may_wait()) return true;
  client.answer(refused("too many clients wait already: try again later"));
  return false;
}

void PrimaryControl::reload(ControlConnection& client) {
  if (core_.draining()) return client.answer(refused("the app is stopping"));
  if (!may_wait(client)) return;
  // Before it is begun: one that fails at once is told to those who wait.
  waiting_.push_back({.client = client.id(), .reloads = core_.reloading() ? 2U : 1U});
  client.wait();
  if (const auto asked = core_.reload(); !asked) {
    std::erase_if(waiting_, [&](const Waiting& each) { return each.client == client.id(); });
    client.answer(refused(asked.error().message()));
  }
}

void PrimaryControl::set_level(ControlConnection& client, log::Level level) {
  core_.set_log_level(level);
  tell("log-level", Value::object({{"level", log::name_of(level)}}));
  client.answer(done());
}

void PrimaryControl::begin_events(ControlConnection& client) {
  if (!may_wait(client)) return;
  client.answer(done());
  client.begin_stream();
}

void PrimaryControl::restart(ControlConnection& client, std::uint32_t position) {
  WorkerProcess* const worker = core_.worker_at(position);
  if (!worker) return client.answer(refused(fmt::format("no worker is at position {}", position)));
  if (!may_wait(client)) return;
  // Before it is begun: a successor that cannot even be started has failed at once.
  waiting_.push_back({.client = client.id(), .worker = worker->id(), .position = position});
  client.wait();
  if (!core_.recycle(*worker, "the control socket asked for it")) {
    std::erase_if(waiting_, [&](const Waiting& each) { return each.client == client.id(); });
    client.answer(refused(fmt::format("the worker at position {} is going already", position)));
  }
}

void PrimaryControl::answer(const Waiting& waiting, const Value& value) {
  if (ControlConnection* client = server_.find(waiting.client)) client->answer(value);
}

void PrimaryControl::reload_news(const ReloadNews& news) {
  const auto generation = static_cast<std::int64_t>(news.generation);
  if (news.what == ReloadNews::What::began) {
    return tell("reload", Value::object({{"generation", generation}}));
  }
  const bool failed = news.what == ReloadNews::What::failed;
  if (failed) {
    tell(news.whole ? "reload-failed" : "replacement-failed",
         Value::object({{"generation", generation}, {"reason", news.reason}}));
  } else {
    tell("reload-finished", Value::object({{"generation", generation}}));
  }
  std::erase_if(waiting_, [&](Waiting& each) {
    if (each.worker != 0) {
      if (!failed || news.position != each.position) return false;
    } else {
      if (!news.whole || (news.another_next && --each.reloads > 0)) return false;
    }
    answer(each, failed ? refused(news.reason)
                        : Value::object({{"ok", true}, {"generation", generation}}));
    return true;
  });
}

void PrimaryControl::worker_gone(const Worker& worker) {
  std::erase_if(waiting_, [&](const Waiting& each) {
    if (each.worker != worker.id()) return false;
    answer(each, done());
    return true;
  });
}

void PrimaryControl::refuse_all(std::string_view why) {
  for (const Waiting& each : std::exchange(waiting_, {})) answer(each, refused(why));
}

void PrimaryControl::tell_events() {
  core_.on_fork.push_back([this](Worker& worker) { tell("fork", worker); });
  core_.on_online.push_back([this](Worker& worker) { tell("online", worker); });
  core_.on_listening.push_back([this](Worker& worker, const std::string& address) {
    tell("listening", worker, Value::object({{"address", address}}));
  });
  core_.on_disconnect.push_back([this](Worker& worker) { tell("disconnect", worker); });
  core_.on_exit.push_back([this](Worker& worker, ExitStatus status) {
    tell("exit", worker,
         Value::object({{"code", status.code},
                        {"signal", status.signal},
                        {"reason", worker.exit_reason() ? worker.exit_reason()->text() : ""},
                        {"voluntary", worker.exited_after_disconnect().value_or(false)}}));
    worker_gone(worker);
  });
  core_.on_error.push_back([this](Worker* worker, const Error& error) {
    Value more = Value::object({{"text", error.message()}});
    if (worker) return tell("error", *worker, std::move(more));
    tell("error", std::move(more));
  });
  core_.on_reload.push_back([this](const ReloadNews& news) { reload_news(news); });
  core_.on_stop.push_back([this] {
    tell("stop", Value::object());
    refuse_all("the app is stopping");
  });
}

void PrimaryControl::tell(std::string_view event, const Worker& worker, Value more) {
  if (!server_.has_streams()) return;
  Value out = Value::object({{"worker", Value::object({{"id", worker.id()},
                                                       {"position", worker.number()},
                                                       {"pid", worker.pid()}})}});
  if (auto* fields = more.get_if<Value::Object>()) {
    for (Field& each : *fields) out[each.name()] = std::move(each.value);
  }
  tell(event, std::move(out));
}

void PrimaryControl::tell(std::string_view event, Value more) {
  if (!server_.has_streams()) return;
  Value out = Value::object({{"event", event}, {"time", unix_ms()}});
  for (Field& each : more.as_object()) out[each.name()] = std::move(each.value);
  server_.send_event(out);
}

}  // namespace brigade::cluster::detail
